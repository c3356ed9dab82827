//! Lists the steps of daemon(3).

/// A step of daemon(3), which each libc takes in an order of its own.
pub enum DaemonStep {
    Fork,
    BeginSession,
    /// To the root, unless the caller wants to stay.
    ChangeDirectory {
        fails: bool,
    },
    /// To /dev/null, unless the caller wants to keep them. `checks`: only if it is that device.
    RedirectStreams {
        checks: bool,
    },
}
