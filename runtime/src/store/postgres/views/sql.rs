//! Tables of a view's own shape, and statements that are not ours.

use futures_util::join;
use tokio_postgres::{
    Error, Row, Statement,
    error::{DbError, SqlState},
    types::{IsNull, Kind, ToSql, Type, private::BytesMut, to_sql_checked},
};
use uuid::Uuid;

use super::{
    super::{
        connection::{Failure, Session},
        error::{failed, is_definite, kind, plain},
    },
    builds::{self, number, unless_foreign},
    value::{Cell, Sent, decode},
};
use crate::{
    Position,
    read::{Build, ColumnType, SqlTables, Stage, Value, Values},
    store::{StoreError, StoreErrorKind},
};

const PREPARE: &str = "SELECT prepare_sql_build($1, $2, $3, $4, $5)";
const MISSING: &str = "SELECT missing_table($1, $2)";

/// Of `views.sql`: a definition is wrong, makes something else, or a table of a live build is gone.
const WRONG: &str = "FA007";
const NOT_MADE: &str = "FA008";
const GONE: &str = "FA009";

/// Finds or makes the build with this fingerprint.
pub(super) async fn prepare(
    session: &Session,
    tables: &SqlTables,
    fingerprint: [u8; 16],
    anew: bool,
) -> Result<Build, Failure> {
    let view = tables.view.as_str();
    let names: Vec<&str> = tables.definitions.iter().map(|(name, _)| name.as_str()).collect();
    let statements: Vec<&str> = tables.definitions.iter().map(|(_, sql)| sql.as_str()).collect();
    let prepare = session.prepared(PREPARE).await?;
    let fingerprint = Uuid::from_bytes(fingerprint);
    let parameters: [&(dyn ToSql + Sync); 5] = [&view, &fingerprint, &anew, &names, &statements];
    let found = session.client.query_one(&prepare, &parameters).await;
    let generation: i64 = found.map_err(|error| unmade(tables, error))?.try_get(0)?;
    let builds = builds::of_view(session, view).await?;
    let build = builds.into_iter().find(|build| number(build.generation) == generation);
    Ok(build.ok_or_else(|| StoreError::no_build(view))?)
}

fn unmade(tables: &SqlTables, error: Error) -> Failure {
    let Some(said) = error.as_db_error() else { return error.into() };
    let name = said.detail().unwrap_or_default();
    match said.code().code() {
        WRONG => {
            StoreError::invalid(format!("the definition of `{name}` of the view `{}` is wrong", tables.view))
                .because(said.message())
                .into()
        }
        NOT_MADE => tables.not_made(name).into(),
        GONE => tables.dropped(name).into(),
        _ => unless_foreign(error),
    }
}

/// A table of the build that is not there.
pub(super) async fn missing(session: &Session, build: &Build) -> Result<Option<String>, Error> {
    let missing = session.prepared(MISSING).await?;
    session.client.query_one(&missing, &[&build.view.as_str(), &number(build.generation)]).await?.try_get(0)
}

/// The rows that a statement gives which only reads.
pub(super) async fn query(
    session: &Session,
    tables: &SqlTables,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Values>, Failure> {
    let view = tables.view.clone();
    let stage = Stage::Live { transactional: false };
    let live = Build { view, generation: 0, fingerprint: [0; 16], stage, position: Position::START };
    let asked = async {
        let statement =
            session.prepared(&tables.named(sql, &live)).await.map_err(|error| refused(session, error))?;
        let given = given(&statement, values)?;
        let parameters = parameters(&given);
        readable(&statement)?;
        // Each is sent when it is first polled, and so all are, in this order, before anybody waits.
        let (begun, answer, ended) = join!(
            session.client.batch_execute("BEGIN READ ONLY"),
            session.client.query(&statement, &parameters),
            session.client.batch_execute("COMMIT"),
        );
        let rows = begun.and(answer).map_err(|error| refused(session, error))?;
        ended.map_err(|error| refused(session, error))?;
        rows.iter().map(values_of).collect()
    };
    match asked.await {
        Ok(rows) => Ok(rows),
        Err(error) if error.kind() == StoreErrorKind::Invalid => {
            Err(why_not(session, tables, error).await?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The statement may be right, and the tables not there.
async fn why_not(session: &Session, tables: &SqlTables, error: StoreError) -> Result<StoreError, Failure> {
    let builds = builds::of_view(session, &tables.view).await?;
    let Some(live) = builds.into_iter().find(|build| build.stage != Stage::Beside) else {
        return Ok(StoreError::no_build(&tables.view));
    };
    Ok(match missing(session, &live).await? {
        Some(table) => tables.dropped(&table),
        None => error,
    })
}

/// What a statement that is not ours was refused for: its own fault, if the database is in order.
pub(super) fn refused(session: &Session, error: Error) -> StoreError {
    if error.as_db_error().and_then(DbError::routine) == Some("RevalidateCachedQuery") {
        // The table is another one now, with other columns than when the statement was prepared.
        session.statements.forget();
        return StoreError::new(StoreErrorKind::Unavailable, "a table was replaced meanwhile")
            .because(plain(&error));
    }
    let own = matches!(kind(&error), StoreErrorKind::Io | StoreErrorKind::Foreign | StoreErrorKind::Invalid)
        || error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION);
    match own && is_definite(&error) {
        true => StoreError::invalid("PostgreSQL refuses the statement").because(plain(&error)),
        false => failed("carrying out a statement of a view", error),
    }
}

/// A value that goes along with a statement which says what type it wants.
#[derive(Debug)]
pub(super) struct Given<'a>(&'a Value);

/// The values for a statement, if they fit.
pub(super) fn given<'a>(statement: &Statement, values: &'a [Value]) -> Result<Vec<Given<'a>>, StoreError> {
    let wanted = statement.params();
    if wanted.len() != values.len() {
        let (given, wanted) = (values.len(), wanted.len());
        return Err(StoreError::invalid(format!("there are {given} values for {wanted} parameters")));
    }
    let fit = |(place, (value, ty)): (usize, (&'a Value, &Type))| match form(value, ty) {
        Some(_) => Ok(Given(value)),
        None => Err(StoreError::invalid(format!(
            "`{value}` is no `{ty}`, which parameter ${n} is: give another value, or cast the parameter, as in `${n}::bigint`",
            n = place.saturating_add(1),
        ))),
    };
    values.iter().zip(wanted).enumerate().map(fit).collect()
}

/// As the driver takes them.
pub(super) fn parameters<'a>(given: &'a [Given<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    given.iter().map(|given| given as &(dyn ToSql + Sync)).collect()
}

/// How a value is sent.
enum Form {
    /// As in a column of a view.
    Own,
    Narrow(i32),
    Short(i16),
    Single(f32),
    /// As text.
    Text,
}

/// How the value is sent as this type; `None` if it is none of it.
fn form(value: &Value, ty: &Type) -> Option<Form> {
    let is_text = matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN);
    let fits = |own: Type| (*ty == own).then_some(Form::Own);
    match value {
        Value::Null => Some(Form::Own),
        Value::Integer(number) if *ty == Type::INT4 => i32::try_from(*number).ok().map(Form::Narrow),
        Value::Integer(number) if *ty == Type::INT2 => i16::try_from(*number).ok().map(Form::Short),
        #[allow(clippy::cast_possible_truncation, reason = "it is what the column holds")]
        Value::Real(number) if *ty == Type::FLOAT4 => Some(Form::Single(*number as f32)),
        Value::Text(_) if is_text || matches!(ty.kind(), Kind::Enum(_)) => Some(Form::Text),
        Value::Json(_) if is_text || *ty == Type::JSON => Some(Form::Text),
        Value::Bool(_) => fits(Type::BOOL),
        Value::Integer(_) => fits(Type::INT8),
        Value::Real(_) => fits(Type::FLOAT8),
        Value::Bytes(_) => fits(Type::BYTEA),
        Value::Time(_) => fits(Type::TIMESTAMPTZ),
        Value::Date(_) => fits(Type::DATE),
        Value::Uuid(_) => fits(Type::UUID),
        Value::Json(_) => fits(Type::JSONB),
        Value::Text(_) | Value::RecordedAt(_) | Value::RecordedPosition(_) => None,
    }
}

impl ToSql for Given<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (form(self.0, ty), self.0) {
            (Some(Form::Own), value) => return Cell::borrowed(value).to_sql(ty, out),
            (Some(Form::Narrow(number)), _) => out.extend_from_slice(&number.to_be_bytes()),
            (Some(Form::Short(number)), _) => out.extend_from_slice(&number.to_be_bytes()),
            (Some(Form::Single(number)), _) => out.extend_from_slice(&number.to_be_bytes()),
            (Some(Form::Text), Value::Text(text) | Value::Json(text)) => {
                out.extend_from_slice(text.as_bytes())
            }
            (Some(Form::Text) | None, value) => return Err(format!("{value} is no {ty}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Whether all columns of what a statement gives are of types that are known here.
pub(super) fn readable(statement: &Statement) -> Result<(), StoreError> {
    for column in statement.columns() {
        if let Reading::Unknown = reading(column.type_()) {
            let (name, ty) = (column.name(), column.type_());
            return Err(StoreError::invalid(format!(
                "the column `{name}` is of type `{ty}`, which is not known here: cast it, as in `{name}::text`"
            )));
        }
    }
    Ok(())
}

/// How a type is read.
enum Reading {
    As(ColumnType),
    Narrow,
    Short,
    Single,
    Unknown,
}

fn reading(ty: &Type) -> Reading {
    match *ty {
        Type::BOOL => Reading::As(ColumnType::Bool),
        Type::INT8 => Reading::As(ColumnType::Integer),
        Type::INT4 => Reading::Narrow,
        Type::INT2 => Reading::Short,
        Type::FLOAT8 => Reading::As(ColumnType::Real),
        Type::FLOAT4 => Reading::Single,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => Reading::As(ColumnType::Text),
        Type::BYTEA => Reading::As(ColumnType::Bytes),
        Type::TIMESTAMPTZ => Reading::As(ColumnType::Time),
        Type::DATE => Reading::As(ColumnType::Date),
        Type::UUID => Reading::As(ColumnType::Uuid),
        Type::JSONB => Reading::As(ColumnType::Json),
        _ if matches!(ty.kind(), Kind::Enum(_)) => Reading::As(ColumnType::Text),
        _ => Reading::Unknown,
    }
}

/// The values of a row.
pub(super) fn values_of(row: &Row) -> Result<Values, StoreError> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        let unread = || StoreError::invalid(format!("the column `{}` cannot be read", column.name()));
        let Sent(sent) = row.try_get(index).map_err(|_| unread())?;
        let Some(sent) = sent else { return Ok(Value::Null) };
        let value = match reading(column.type_()) {
            Reading::As(ty) => decode(ty, sent),
            Reading::Narrow => {
                sent.try_into().ok().map(|sent| Value::Integer(i32::from_be_bytes(sent).into()))
            }
            Reading::Short => {
                sent.try_into().ok().map(|sent| Value::Integer(i16::from_be_bytes(sent).into()))
            }
            Reading::Single => sent.try_into().ok().map(|sent| Value::Real(f32::from_be_bytes(sent).into())),
            Reading::Unknown => None,
        };
        value.ok_or_else(unread)
    };
    row.columns().iter().enumerate().map(value).collect()
}
