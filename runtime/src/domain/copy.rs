//! A copy of a state, where its type can be copied.

/// A state of which a copy is wanted. Of the two traits, the one that fits with fewer references comes first.
#[derive(Debug)]
pub struct Original<'a, T>(pub &'a T);

/// For a type that can be cloned.
pub trait CanClone<T> {
    /// A copy.
    fn try_clone(self) -> Option<T>;
}

/// For any type.
pub trait CannotClone<T> {
    /// No copy.
    fn try_clone(self) -> Option<T>;
}

impl<T: Clone> CanClone<T> for &&Original<'_, T> {
    fn try_clone(self) -> Option<T> {
        Some(self.0.clone())
    }
}

impl<T> CannotClone<T> for &Original<'_, T> {
    fn try_clone(self) -> Option<T> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{CanClone as _, CannotClone as _, Original};

    #[test]
    #[allow(
        clippy::needless_borrow,
        reason = "it is what the derive writes, and a reference is left to be taken away"
    )]
    fn the_compiler_takes_what_is_there() {
        #[derive(Debug, PartialEq)]
        struct Single;
        assert_eq!((&&Original(&7)).try_clone(), Some(7));
        assert_eq!((&&Original(&Single)).try_clone(), None);
    }
}
