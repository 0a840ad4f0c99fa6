//! The tables of keys, as `schema.rs` has the others.

diesel::table! {
    vault_keys (id) { id -> Text, probe_sealed -> Binary, }
}

diesel::table! {
    data_keys (id) {
        id -> Text,
        purpose -> Text,
        number -> BigInt,
        master_id -> Text,
        wrapped -> Binary,
    }
}

diesel::table! {
    user_keys (user_id) {
        user_id -> Text,
        master_id -> Text,
        wrapped -> Binary,
        previous_wrapped -> Nullable<Binary>,
    }
}

diesel::table! {
    key_work (id) {
        id -> Integer,
        asked -> Bool,
        asked_renew -> Bool,
        renew -> Bool,
        step -> Nullable<Integer>,
        position -> Text,
        done -> BigInt,
        total -> BigInt,
        began_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        not_needed -> Nullable<Text>,
    }
}
