//! Lists that are read newest first, page by page. A cursor is the moment and the id of the last item already seen, so a page
//! neither repeats nor skips what is there all the time.

use domain::page::PageRequest;
use domain::{Error, FieldError, Page, Result, Timestamp};
use uuid::Uuid;

pub(crate) type Key = (Timestamp, Uuid);

/// Where the page starts: after this item.
pub(crate) fn start(page: &PageRequest) -> Result<Option<Key>> {
    let Some(cursor) = page.cursor.as_deref() else {
        return Ok(None);
    };
    match parse(cursor) {
        Some(key) => Ok(Some(key)),
        None => Err(Error::Invalid(vec![
            FieldError::new("/cursor", "invalid", "the next_cursor of the page before").got(cursor),
        ])),
    }
}

/// How many to read: one more than asked for, to know whether there are more.
pub(crate) fn limit(page: &PageRequest) -> i64 {
    i64::from(page.limit) + 1
}

/// The page, from what [`limit`] read.
pub(crate) fn finish<T>(mut items: Vec<T>, page: &PageRequest, key: impl Fn(&T) -> Key) -> Page<T> {
    let more = items.len() > usize::from(page.limit);
    items.truncate(usize::from(page.limit));
    let next_cursor = items.last().filter(|_| more).map(|last| {
        let (at, id) = key(last);
        format!(
            "{}.{}",
            at.into_inner().unix_timestamp_nanos() / 1000,
            id.simple()
        )
    });
    Page { items, next_cursor }
}

fn parse(cursor: &str) -> Option<Key> {
    let (micros, id) = cursor.split_once('.')?;
    let nanos = i128::from(micros.parse::<i64>().ok()?) * 1000;
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    Some((at.into(), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let at: Timestamp = "2026-01-31T09:30:00.123456Z".parse().unwrap();
        let ids: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
        let page = PageRequest {
            cursor: None,
            limit: 2,
        };
        let first = finish(ids.clone(), &page, |id| (at, *id));
        assert_eq!(first.items, ids[..2]);
        let next = PageRequest {
            cursor: first.next_cursor,
            limit: 2,
        };
        assert_eq!(start(&next).unwrap(), Some((at, ids[1])));
        assert_eq!(
            finish(ids[2..].to_vec(), &next, |id| (at, *id)).next_cursor,
            None
        );
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        for cursor in [
            "",
            "1",
            "x.y",
            "99999999999999999999.00000000000000000000000000000000",
            "9223372036854775807.0",
        ] {
            let page = PageRequest {
                cursor: Some(cursor.to_owned()),
                limit: 2,
            };
            assert!(start(&page).is_err(), "{cursor}");
        }
    }
}
