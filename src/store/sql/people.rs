//! The tables of administrators, and of what people did.

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

diesel::table! {
    audit_log (seq) {
        seq -> BigInt,
        entry -> Text,
        hash -> Binary,
        subject -> Nullable<Text>,
        subject_digest -> Nullable<Binary>,
    }
}
