//! What keeps the library out of the memory, the descriptors and the thread keys of the host.
