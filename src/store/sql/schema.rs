//! The tables as diesel sees them; `migrations/` is authoritative.

pub(in crate::store) use super::connecting::{connect_links, unconfirmed_grants};
pub(in crate::store) use super::people::{administrators, audit_log, recovery_codes};

diesel::table! {
    admin_sessions (digest) {
        digest -> Binary,
        key_id -> Nullable<Text>,
        administrator -> Nullable<Text>,
        seen_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    minutes (at) {
        at -> BigInt,
        syncs_done -> BigInt,
        syncs_failed -> BigInt,
        syncs_limited -> BigInt,
        records -> BigInt,
        pushed -> BigInt,
        calls -> BigInt,
        deliveries_done -> BigInt,
        deliveries_failed -> BigInt,
        late_p50_ms -> Nullable<BigInt>,
        late_p95_ms -> Nullable<BigInt>,
        late_worst_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        scope -> Text,
        label -> Text,
        digest -> Binary,
        created_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    connections (id) {
        id -> BigInt,
        user_id -> Text,
        partner -> Text,
        status -> Text,
        external_user_id -> Nullable<Text>,
        access_token_sealed -> Nullable<Binary>,
        token_secret_sealed -> Nullable<Binary>,
        refresh_token_sealed -> Nullable<Binary>,
        access_expires_at -> Nullable<BigInt>,
        scopes -> Nullable<Text>,
        activity_group -> Integer,
        silent_since -> BigInt,
        failures -> Integer,
        last_poll_at -> Nullable<BigInt>,
        next_poll_at -> Nullable<BigInt>,
        last_push_at -> Nullable<BigInt>,
        next_push_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        connected_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        refreshed_at -> Nullable<BigInt>,
        refused_since -> Nullable<BigInt>,
        refresh_begun_at -> Nullable<BigInt>,
        notified_at -> Nullable<BigInt>,
        trust -> Nullable<Text>,
        polled_as -> Integer,
        unheard_since -> Nullable<BigInt>,
        subscribed_at -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        failing_since -> Nullable<BigInt>,
        has_incidents -> Bool,
    }
}

diesel::table! {
    oauth_attempts (state_digest) {
        state_digest -> Binary,
        connection_id -> BigInt,
        return_url -> Nullable<Text>,
        verifier_sealed -> Nullable<Binary>,
        request_secret_sealed -> Nullable<Binary>,
        expires_at -> BigInt,
        answer_digest -> Nullable<Binary>,
        taken_at -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
        choices -> Nullable<Text>,
        connect_link -> Nullable<Text>,
        language -> Nullable<Text>,
        confirm -> Bool,
    }
}

diesel::table! {
    property_types (name) { name -> Text, value_type -> Text, default_value -> Text, }
}

diesel::table! {
    properties (connection_id, name) {
        connection_id -> BigInt,
        name -> Text,
        value -> Text,
        reason -> Nullable<Text>,
        again_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    resume_points (connection_id, feed) {
        connection_id -> BigInt,
        feed -> Text,
        state -> Text,
    }
}

diesel::table! {
    cursors (connection_id, feed) {
        connection_id -> BigInt,
        feed -> Text,
        position -> Text,
        updated_at -> BigInt,
        wide_look_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    records (id) {
        id -> Text,
        user_id -> Text,
        kind -> Text,
        measurement_type -> Nullable<Text>,
        source_partner -> Nullable<Text>,
        source_id -> Text,
        start_at -> BigInt,
        start_offset -> Integer,
        end_at -> Nullable<BigInt>,
        end_offset -> Nullable<Integer>,
        time_basis -> Text,
        content -> Text,
        updated_at -> BigInt,
        deleted -> Bool,
        deleted_by -> Nullable<Text>,
    }
}

diesel::table! {
    sync_items (id) {
        id -> BigInt,
        connection_id -> BigInt,
        record_id -> Text,
        external_id -> Nullable<Text>,
        external_group -> Nullable<Text>,
        state -> Text,
        content_digest -> Binary,
        agreed_digest -> Binary,
        shown -> Nullable<Text>,
        echoed -> Bool,
        attempts -> Integer,
        reason -> Nullable<Text>,
        changed_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        pushed_at -> Nullable<BigInt>,
        missing_since -> Nullable<BigInt>,
    }
}

diesel::table! {
    previous_account_items (connection_id, account, record_id) {
        connection_id -> BigInt,
        account -> Text,
        record_id -> Text,
        external_id -> Nullable<Text>,
        external_group -> Nullable<Text>,
        state -> Text,
        content_digest -> Binary,
        agreed_digest -> Binary,
        shown -> Nullable<Text>,
        echoed -> Bool,
        changed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    changes (seq) {
        seq -> BigInt,
        user_id -> Text,
        record_id -> Nullable<Text>,
        connection_id -> Nullable<BigInt>,
        change -> Text,
        at -> BigInt,
        cause -> Nullable<Text>,
        partner -> Nullable<Text>,
    }
}

diesel::table! {
    feed (id) { id -> Text, compacted_to -> BigInt, }
}

diesel::table! {
    syncs (id) {
        id -> BigInt,
        connection_id -> BigInt,
        user_id -> Text,
        partner -> Text,
        cause -> Text,
        outcome -> Text,
        summary -> Text,
        detail -> Text,
        started_at -> BigInt,
        finished_at -> BigInt,
        repeats -> Integer,
    }
}

diesel::table! {
    buckets (partner, connection_id, window_ms, counts) {
        partner -> Text,
        connection_id -> BigInt,
        window_ms -> BigInt,
        counts -> Text,
        state -> Text,
    }
}

diesel::table! {
    subscriptions (connection_id, partner) {
        connection_id -> BigInt,
        partner -> Text,
        url_digest -> Binary,
        state_sealed -> Nullable<Binary>,
        issued_secret_sealed -> Nullable<Binary>,
        subscribed_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        checked_at -> BigInt,
        next_check_at -> BigInt,
        failures -> Integer,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    delivered_data (id) {
        id -> BigInt,
        connection_id -> BigInt,
        feed -> Text,
        payload_sealed -> Binary,
        received_at -> BigInt,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Text,
        url_sealed -> Binary,
        secret_sealed -> Binary,
        previous_secret_sealed -> Nullable<Binary>,
        previous_until -> Nullable<BigInt>,
        events -> Text,
        user_prefix -> Nullable<Text>,
        description -> Nullable<Text>,
        created_at -> BigInt,
        position -> BigInt,
        succeeded_at -> Nullable<BigInt>,
        failing_since -> Nullable<BigInt>,
        failures -> Integer,
        next_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        disabled_at -> Nullable<BigInt>,
        disabled_reason -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_messages (id) {
        id -> Text,
        endpoint_id -> Text,
        user_id -> Nullable<Text>,
        first_seq -> BigInt,
        last_seq -> BigInt,
        without -> Nullable<Text>,
        attempts -> Integer,
        step -> Integer,
        failing_since -> Nullable<BigInt>,
        next_at -> BigInt,
    }
}

diesel::table! {
    delivery_counts (endpoint_id, at) {
        endpoint_id -> Text,
        at -> BigInt,
        delivered -> BigInt,
        changes -> BigInt,
        failed -> BigInt,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> BigInt,
        endpoint_id -> Text,
        message_id -> Text,
        at -> BigInt,
        types -> Text,
        changes -> Integer,
        users -> Integer,
        attempt -> Integer,
        outcome -> Text,
        status_code -> Nullable<Integer>,
        error -> Nullable<Text>,
        duration_ms -> Integer,
        next_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    incidents (id) {
        id -> BigInt,
        code -> Text,
        subject -> Text,
        partner -> Nullable<Text>,
        user_id -> Nullable<Text>,
        connection_id -> Nullable<BigInt>,
        record_id -> Nullable<Text>,
        endpoint_id -> Nullable<Text>,
        external_id -> Nullable<Text>,
        users -> Nullable<BigInt>,
        detail -> Nullable<Text>,
        times -> BigInt,
        first_at -> BigInt,
        last_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        closed_why -> Nullable<Text>,
    }
}

diesel::table! {
    paused_partners (partner) {
        partner -> Text,
        since -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(unconfirmed_grants, connections);
diesel::allow_tables_to_appear_in_same_query!(admin_sessions, api_keys, administrators);

diesel::allow_tables_to_appear_in_same_query!(
    records,
    sync_items,
    previous_account_items,
    properties,
    changes,
    connections,
    oauth_attempts,
    subscriptions,
    delivered_data
);

diesel::allow_columns_to_appear_in_same_group_by_clause!(
    records::kind,
    records::measurement_type,
    records::source_partner
);

diesel::allow_columns_to_appear_in_same_group_by_clause!(
    connections::status,
    connections::activity_group,
    connections::polled_as
);
