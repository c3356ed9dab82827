//! Every way in which a process ends; the file goes first.
