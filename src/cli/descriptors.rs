//! File descriptors: each connection needs one, and ten thousand may listen to streams. The system
//! gives a process fewer than it may have if it asks.

/// Lets this process open as many files and connections as it may. Returns how many.
///
/// # Errors
/// When the system refuses; the process can run nevertheless.
#[cfg(unix)]
pub(super) fn raise() -> std::io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(limit.maximum)
}

/// Elsewhere the system's settings apply.
#[cfg(not(unix))]
pub(super) fn raise() -> std::io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[test]
    fn the_process_takes_what_it_may_have() {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), ..before }).unwrap();
        assert_eq!(super::raise().unwrap(), before.maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
