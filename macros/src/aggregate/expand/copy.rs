//! A copy of the state, where its type can be copied.

use proc_macro2::TokenStream;
use quote::quote;

use super::super::model::Model;

/// Whether it can, nothing here knows: of two methods of one name the compiler takes the one that is there.
pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    quote! {
        fn try_clone(&self) -> ::core::option::Option<Self> {
            #[allow(unused_imports, reason = "one of them is used")]
            use #krate::__private::{CannotClone as _, CanClone as _};
            (&&#krate::__private::Original(self)).try_clone()
        }
    }
}
