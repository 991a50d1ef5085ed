//! Changes of the domain that the compiler refuses, with its messages, from the files in `mistakes/`.
//!
//! A test makes each of them and compares what cargo says, so the files are true.

/// A change of `src/domain.rs` that does not compile: a title, lines that go (`-`) and come (`+`), and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Mistake {
    /// The name of its file.
    pub file: &'static str,
    /// All of the file.
    pub text: &'static str,
}

/// All of them.
pub const MISTAKES: [Mistake; 4] = [
    Mistake { file: "type.txt", text: include_str!("../mistakes/type.txt") },
    Mistake { file: "gone.txt", text: include_str!("../mistakes/gone.txt") },
    Mistake { file: "gap.txt", text: include_str!("../mistakes/gap.txt") },
    Mistake { file: "value.txt", text: include_str!("../mistakes/value.txt") },
];

impl Mistake {
    /// The title and the change.
    #[must_use]
    pub fn change(&self) -> &'static str {
        self.text.split_once("\nerror").map_or(self.text, |(change, _)| change).trim_end()
    }

    /// The lines of the change that begin with `sign`, without it.
    #[must_use]
    pub fn lines(&self, sign: char) -> String {
        let lines = self.change().lines().filter_map(|line| line.strip_prefix(sign));
        lines.map(|line| format!("{line}\n")).collect()
    }
}
