//! Keeps the memory of the process out of core dumps: it holds the vault's key, tokens and the
//! partners' secrets.

/// Forbids core dumps of this process, and other processes of the same user to read its memory.
///
/// # Errors
/// When the system refuses; the process can run nevertheless.
#[cfg(target_os = "linux")]
pub(super) fn forbid() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    Ok(rustix::process::setrlimit(Resource::Core, none)?)
}

/// Elsewhere the system's settings apply.
#[cfg(not(target_os = "linux"))]
pub(super) fn forbid() -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn the_process_cannot_be_dumped() {
        super::forbid().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
