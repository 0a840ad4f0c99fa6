//! The tables of administrators.

diesel::table! {
    administrators (name) {
        name -> Text,
        password_hash -> Text,
        role -> Text,
        totp_secret -> Nullable<Binary>,
        totp_used_step -> BigInt,
        created_at -> BigInt,
        last_sign_in_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    recovery_codes (digest) {
        digest -> Binary,
        administrator -> Text,
    }
}
