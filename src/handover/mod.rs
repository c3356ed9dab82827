//! Which process gets the file when the owner exits.
