//! The tables of connects that are not over.

diesel::table! {
    unconfirmed_grants (token_digest) {
        token_digest -> Binary,
        connection_id -> BigInt,
        external_user_id -> Text,
        grant_sealed -> Binary,
        expires_at -> BigInt,
        retry_at -> BigInt,
    }
}

diesel::table! {
    connect_links (id) {
        id -> Text,
        token_digest -> Binary,
        browser_digest -> Nullable<Binary>,
        user_id -> Text,
        language -> Nullable<Text>,
        return_url -> Nullable<Text>,
        partners -> Nullable<Text>,
        expires_at -> BigInt,
        confirm -> Bool,
        account -> Nullable<Text>,
    }
}
