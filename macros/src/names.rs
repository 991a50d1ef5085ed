//! Names that follow from names.

use syn::{Ident, ext::IdentExt};

/// `OpenIncident` is `open_incident`.
pub(crate) fn snake_case(ident: &Ident) -> String {
    let mut snake = String::new();
    let name = ident.unraw().to_string();
    let mut previous_lower = false;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        // A capital begins a word after a small letter, and before one: `HTTPServer` is `http_server`.
        let begins = letter.is_uppercase()
            && (previous_lower || letters.peek().is_some_and(|next| next.is_lowercase()));
        if begins && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        previous_lower = letter.is_lowercase() || letter.is_numeric();
        snake.extend(letter.to_lowercase());
    }
    snake
}
