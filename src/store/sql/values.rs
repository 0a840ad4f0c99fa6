//! Ids and named values as columns.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromStaticSqlRow, Queryable};
use diesel::expression::AsExpression;
use diesel::internal::derives::as_expression::Bound;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{BigInt, SingleValue, Text};

use crate::model::{
    Cause, ChangeCause, ChangeKind, ConnectionId, DeletedBy, DeliveryStatus, ItemId, LineOutcome,
    RecordId, UserId,
};
use crate::sync::items::ItemState;

/// Lets a type be bound to and read from columns of one SQL type.
macro_rules! column {
    ($type:ty, $sql:ty) => {
        impl AsExpression<$sql> for $type {
            type Expression = Bound<$sql, Self>;

            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }

        impl<'a> AsExpression<$sql> for &'a $type {
            type Expression = Bound<$sql, Self>;

            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }

        impl<'a> AsExpression<$sql> for &'a &$type {
            type Expression = Bound<$sql, Self>;

            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }

        impl<S: SingleValue, DB: Backend> Queryable<S, DB> for $type
        where
            Self: FromStaticSqlRow<S, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    };
}

macro_rules! number_column {
    ($type:ident) => {
        column!($type, BigInt);

        impl<DB: Backend> ToSql<BigInt, DB> for $type
        where
            i64: ToSql<BigInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.to_sql(out)
            }
        }

        impl<DB: Backend> FromSql<BigInt, DB> for $type
        where
            i64: FromSql<BigInt, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                i64::from_sql(value).map(Self)
            }
        }
    };
}

macro_rules! text_column {
    ($type:ident, $write:expr, $read:expr) => {
        column!($type, Text);

        impl<DB: Backend> ToSql<Text, DB> for $type
        where
            str: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                let write: fn(&$type) -> &str = $write;
                write(self).to_sql(out)
            }
        }

        impl<DB: Backend> FromSql<Text, DB> for $type
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let text = String::from_sql(value)?;
                let read: fn(String) -> Option<$type> = $read;
                read(text).ok_or_else(|| concat!("unreadable ", stringify!($type)).into())
            }
        }
    };
}

number_column!(ConnectionId);
number_column!(ItemId);
text_column!(UserId, UserId::as_str, |text| Some(Self::stored(text)));
text_column!(RecordId, RecordId::as_str, |text| Some(Self(text)));
text_column!(Cause, |cause| cause.name(), |text| Self::from_name(&text));
text_column!(ChangeCause, |cause| cause.name(), |text| Self::from_name(&text));
text_column!(ChangeKind, |change| change.name(), |text| Self::from_name(&text));
text_column!(LineOutcome, |outcome| outcome.name(), |text| Self::from_name(&text));
text_column!(ItemState, |state| state.name(), |text| Self::from_name(&text));
text_column!(DeliveryStatus, |status| status.name(), |text| Self::from_name(&text));
text_column!(DeletedBy, |by| by.name(), |text| Self::from_name(&text));
