//! The derive without a compiler: what it writes, and that it survives what it reads.

mod expansion;
mod lock;
mod robustness;

use proc_macro2::{TokenStream, TokenTree};
use syn::DeriveInput;

/// A declaration, by the name of its file in `samples/`.
struct Sample {
    name: &'static str,
    text: &'static str,
}

const INCIDENT: Sample = Sample { name: "incident", text: include_str!("samples/incident.rs") };
const EVERYTHING: Sample = Sample { name: "everything", text: include_str!("samples/everything.rs") };
const EVOLVING: Sample = Sample { name: "evolving", text: include_str!("samples/evolving.rs") };
const INCOMPLETE: Sample = Sample { name: "incomplete", text: include_str!("samples/incomplete.rs") };

const OPEN_INCIDENT: Sample =
    Sample { name: "open_incident", text: include_str!("samples/open_incident.rs") };
const WORKLOAD: Sample = Sample { name: "workload", text: include_str!("samples/workload.rs") };
const UNFINISHED: Sample =
    Sample { name: "unfinished_view", text: include_str!("samples/unfinished_view.rs") };

impl Sample {
    fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap()
    }

    fn expanded(&self) -> TokenStream {
        let input: DeriveInput = syn::parse2(self.tokens()).unwrap();
        crate::aggregate::derive(input)
    }

    /// As a view of these aggregates.
    fn expanded_view(&self, aggregates: &[&Self]) -> TokenStream {
        let input: DeriveInput = syn::parse2(self.tokens()).unwrap();
        crate::view::derive_with(input, aggregates.iter().map(|aggregate| aggregate.told()).collect())
    }

    /// What the hidden macro of an aggregate tells.
    fn told(&self) -> TokenStream {
        let file: syn::File = syn::parse2(self.expanded()).unwrap();
        let rules = file.items.into_iter().find_map(|item| match item {
            syn::Item::Macro(item) if item.ident.is_some() => Some(item.mac.tokens),
            _ => None,
        });
        // `(…) => { callback! { { input } Name { … } } }`
        let body = last_group(last_group(rules.unwrap()));
        body.into_iter().skip(1).collect()
    }
}

fn last_group(tokens: TokenStream) -> TokenStream {
    let group = tokens.into_iter().filter_map(|tree| match tree {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    });
    group.last().unwrap()
}

/// The messages in the code that a derive has written.
fn messages(code: &syn::File) -> Vec<String> {
    let message = |mac: &syn::Macro| {
        let told = mac.path.segments.last()?.ident == "compile_error";
        told.then(|| mac.parse_body::<syn::LitStr>().unwrap().value())
    };
    let statement = |statement: &syn::Stmt| match statement {
        syn::Stmt::Macro(statement) => message(&statement.mac),
        _ => None,
    };
    let messages = code.items.iter().map(|item| match item {
        syn::Item::Macro(item) => message(&item.mac).into_iter().collect::<Vec<_>>(),
        // What stands in the place of an expression.
        syn::Item::Const(item) => match &*item.expr {
            syn::Expr::Block(block) => block.block.stmts.iter().filter_map(statement).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    });
    messages.flatten().collect()
}
