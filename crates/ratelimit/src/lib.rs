//! Rate limits in process: how much of a limit a caller may use now, and when more comes back. Who calls and which limit holds is decided elsewhere.
