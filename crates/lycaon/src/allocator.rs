//! The allocator of this program, and how soon it gives back what is free.

use crate::os;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Milliseconds that free memory is kept in case it is needed again. With the allocator's own choice of a second, an
/// export of millions of rows keeps several times the memory that it uses.
const KEPT_MILLIS: std::ffi::c_long = 10;

/// Gives back soon what is free, in small pieces, unless `MIMALLOC_PURGE_DELAY` or `MIMALLOC_ALLOW_THP` say something
/// else. A huge page stays as long as a byte of it is used: with them an export takes half as much memory again.
#[allow(unsafe_code, reason = "the allocator's options have no other door")]
pub(crate) fn give_back_soon() {
    // SAFETY: sets a number that the allocator reads; no thread but this one runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT_MILLIS) };
    if std::env::var_os("MIMALLOC_ALLOW_THP").is_none() {
        os::refuse_huge_pages();
    }
}
