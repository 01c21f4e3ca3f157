//! The one place with unsafe code, and a crate of its own so that every other one can forbid it: a
//! call of the C library's allocator for which there is no safe wrapper.

/// Asks the allocator to give the system back what was freed and is kept for later. What is in use
/// stays where it is.
///
/// The GNU C library keeps it by thread, and by itself gives back only what is free at the end of a
/// thread's memory; so after a crowd has left, it keeps most of what the crowd needed (`malloc_trim(3)`).
/// Takes the time of a walk through all that is kept, in which threads that want memory may have to
/// wait: milliseconds for some tens of megabytes. Elsewhere it does nothing.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "it is a function of C")]
    // SAFETY: it may be called at any time by any thread, and changes nothing that is allocated.
    unsafe {
        libc::malloc_trim(0);
    }
}
