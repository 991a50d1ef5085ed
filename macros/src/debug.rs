//! The boundary to the compiler: nothing of ours panics through it, and `FACTUM_EXPAND` shows what leaves it.

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, Stdio},
};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, Ident, parse::Parse};

/// The variable that names the type whose expansion is printed.
pub(crate) const EXPAND: &str = "FACTUM_EXPAND";

/// What a derive comes to.
pub(crate) enum Outcome {
    /// The code.
    Code(TokenStream),
    /// Code in which another macro is asked for the rest, which will be a `Part`.
    Open(TokenStream),
    /// An expression for such code, and with it all of the code, if this was the last of it.
    Part { code: TokenStream, whole: Option<TokenStream> },
}

/// Parses the item, derives, and prints the result if it was asked for.
pub(crate) fn guarded(
    input: proc_macro::TokenStream,
    derive: impl FnOnce(DeriveInput) -> Outcome,
) -> proc_macro::TokenStream {
    parsed(input, |input: &DeriveInput| input.ident.clone(), derive)
}

/// The same for what is read as something else, of which this is the name.
pub(crate) fn parsed<T: Parse>(
    input: proc_macro::TokenStream,
    name: impl FnOnce(&T) -> Ident,
    derive: impl FnOnce(T) -> Outcome,
) -> proc_macro::TokenStream {
    let input: T = match syn::parse(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error().into(),
    };
    let name = name(&input);
    let outcome = catch_unwind(AssertUnwindSafe(|| derive(input))).unwrap_or_else(|cause| {
        let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
        let error = syn::Error::new_spanned(
            &name,
            format!(
                "factum's derive failed on this type ({}): that is a mistake in factum, please report it with the type",
                cause.unwrap_or("without a reason")
            ),
        );
        Outcome::Code(error.into_compile_error())
    });
    let (code, whole) = match outcome {
        Outcome::Code(code) => (tracked(&code), Some(code)),
        Outcome::Open(code) => (tracked(&code), None),
        Outcome::Part { code, whole } => (code, whole),
    };
    if let Some(whole) = whole
        && std::env::var(EXPAND).is_ok_and(|wanted| name == wanted)
    {
        eprintln!("// the expansion of `{name}`\n{}", formatted(&whole));
    }
    code.into()
}

/// The code with the name of the variable in it, so that the compiler runs the derive again when that changes.
fn tracked(code: &TokenStream) -> TokenStream {
    quote!(#code const _: ::core::option::Option<&str> = ::core::option_env!(#EXPAND);)
}

/// The code as rustfmt formats it, or as it is where there is no rustfmt.
fn formatted(code: &TokenStream) -> String {
    let plain = code.to_token_stream().to_string();
    rustfmt(&plain).unwrap_or(plain)
}

fn rustfmt(code: &str) -> Option<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    // From a thread of its own: rustfmt may fill its output before it has read all of its input.
    let code = code.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(code.as_bytes()));
    let output = child.wait_with_output().ok()?;
    writing.join().ok()?.ok()?;
    String::from_utf8(output.stdout).ok().filter(|text| output.status.success() && !text.is_empty())
}
