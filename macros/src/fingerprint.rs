//! Code as a number: the same for the same tokens, however they are laid out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// FNV-1a of 128 bits: what it is made of is not chosen by anybody who wants two to be the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fingerprint(u128);

impl Fingerprint {
    pub(crate) const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// The same in this epoch.
    pub(crate) fn in_epoch(mut self, epoch: u64) -> Self {
        self.text(b'e', &epoch.to_string());
        self
    }

    pub(crate) const fn get(self) -> u128 {
        self.0
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }

    pub(crate) fn text(&mut self, kind: u8, text: &str) {
        self.byte(kind);
        text.bytes().for_each(|byte| self.byte(byte));
        // No text has this byte in it.
        self.byte(0xff);
    }

    pub(crate) fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' && tokens.next_if(is_doc).is_some() => {}
                TokenTree::Punct(punct) => self.text(b'p', punct.as_char().encode_utf8(&mut [0; 4])),
                TokenTree::Ident(ident) => self.text(b'i', &ident.to_string()),
                TokenTree::Literal(literal) => self.text(b'l', &literal.to_string()),
                TokenTree::Group(group) => {
                    self.text(
                        b'g',
                        match group.delimiter() {
                            Delimiter::Parenthesis => "(",
                            Delimiter::Brace => "{",
                            Delimiter::Bracket => "[",
                            Delimiter::None => "",
                        },
                    );
                    self.tokens(group.stream());
                    self.text(b'g', ")");
                }
            }
        }
    }
}

/// Whether this is what follows the `#` of a doc comment.
fn is_doc(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
        }
        _ => false,
    }
}
