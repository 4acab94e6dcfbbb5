//! What the database itself guarantees, whoever writes to it.

mod ledger;
