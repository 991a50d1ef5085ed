//! Any sequence of operations does the same to every store as to a plain map of vectors.
