//! The users of the demo.

/// Invented names.
pub(super) const PEOPLE: [&str; 24] = [
    "ann", "ben", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "june", "kai", "lea",
    "milo", "nell", "otto", "pia", "quin", "rosa", "sven", "tess", "uma", "vito", "wren", "yara",
];
