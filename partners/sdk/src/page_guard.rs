//! Bounds what only a partner's answers decide: how many pages there are.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::PartnerError;
use crate::page::Page;

/// More pages in a row than this that bring nothing new are taken for a list without an end.
const MAX_EMPTY_PAGES: u32 = 100;

/// More pages than this are taken for a list without an end, whatever they bring.
const MAX_PAGES: u32 = 10_000;

/// A look-up is about a day or two. More pages than this, or more records, are not of those days.
const LOOK_UP_PAGES: u32 = 20;
const LOOK_UP_RECORDS: usize = 20_000;

/// Notices pages that lead in a circle, bring nothing for too long, or do not end. The daemon uses
/// one for each feed of a sync; a partner needs one only where it reads further pages itself, in
/// [`find_existing`](crate::Partner::find_existing): [`PageGuard::of_look_up`].
#[derive(Debug, Default)]
pub struct PageGuard {
    /// Hashes of the page states and of the ids of the records: both can be long.
    states: HashSet<u64>,
    ids: HashSet<u64>,
    empty: u32,
    pages: u32,
    records: usize,
    is_look_up: bool,
}

impl PageGuard {
    /// The guard of a look-up, whose pages are all held until the last one is read.
    pub fn of_look_up() -> Self {
        Self { is_look_up: true, ..Self::default() }
    }

    /// Takes note of a page that was read.
    ///
    /// # Errors
    /// [`PartnerError::Malformed`] if it names a page that was named before, or is one of too many
    /// in a row that brought nothing, or if the pages do not end.
    pub fn note(&mut self, page: &Page) -> Result<(), PartnerError> {
        self.records += page.records.len();
        if self.is_look_up {
            page.within_bounds()?;
        }
        let ids = page.records.iter().filter_map(|record| match record {
            Ok(record) => Some(&record.source_id),
            Err(refused) => refused.source_id.as_ref(),
        });
        let mut is_empty = page.deleted.is_empty();
        for id in ids {
            is_empty &= !self.ids.insert(hash(id));
        }
        let Some(next) = &page.next_page else { return Ok(()) };
        self.follow(next)?;
        self.empty = if is_empty && !page.end_is_known { self.empty + 1 } else { 0 };
        self.pages += 1;
        let most_pages = if self.is_look_up { LOOK_UP_PAGES } else { MAX_PAGES };
        let why = if self.empty >= MAX_EMPTY_PAGES {
            format!("{MAX_EMPTY_PAGES} pages in a row brought nothing")
        } else if self.pages >= most_pages {
            format!("its pages do not end after {most_pages}")
        } else if self.is_look_up && self.records > LOOK_UP_RECORDS {
            format!("its pages have more than {LOOK_UP_RECORDS} records of a few days")
        } else {
            return Ok(());
        };
        Err(self.error(&why))
    }

    /// Takes note of the name of the next page.
    fn follow(&mut self, next: &str) -> Result<(), PartnerError> {
        if self.states.insert(hash(next)) {
            return Ok(());
        }
        Err(self.error("its pages lead in a circle"))
    }

    fn error(&self, why: &str) -> PartnerError {
        let follows = if self.is_look_up { LATER } else { STAYS };
        PartnerError::Malformed(format!("{why}; {follows}").into())
    }
}

/// What it means for the user.
const LATER: &str = "it is asked again later, and nothing is sent twice";
const STAYS: &str = "what they brought is kept, and the next sync starts from the same place";

fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RejectedRecord;

    fn page(next: Option<String>, id: Option<String>) -> Page {
        let refused = id.map(|id| Err(RejectedRecord::new(id, "unreadable")));
        Page { next_page: next, records: refused.into_iter().collect(), ..Page::default() }
    }

    /// How many pages are read until the guard ends it.
    fn read(pages: impl Iterator<Item = Page>) -> Option<usize> {
        let mut guard = PageGuard::default();
        pages.take(10_000).position(|page| guard.note(&page).is_err()).map(|position| position + 1)
    }

    #[test]
    fn a_circle_ends_when_a_page_is_named_again() {
        for circle in 1..20 {
            let names = (0..7).chain((7..7 + circle).cycle());
            // Also if every page brings something.
            let named = |name: i32| page(Some(name.to_string()), Some(name.to_string()));
            assert_eq!(read(names.map(named)), Some(7 + circle as usize + 1), "{circle} pages");
        }
    }

    #[test]
    fn a_hundred_pages_that_bring_nothing_new_are_the_end() {
        let name = |number: i32| Some(number.to_string());
        assert_eq!(read((0..).map(|number| page(name(number), None))), Some(100));
        let the_same = |number| page(name(number), Some("1".to_owned()));
        assert_eq!(read((0..).map(the_same)), Some(101));
    }

    #[test]
    fn a_look_up_ends_after_twenty_pages_or_twenty_thousand_records() {
        let name = |number: usize| Some(number.to_string());
        let refused = |number: usize| Err(RejectedRecord::new(number.to_string(), "unreadable"));
        for (records, expected) in [(1, 20), (900, 20), (1_000, 20), (1_001, 1)] {
            let mut guard = PageGuard::of_look_up();
            let pages = (0..10_000).map(|page| Page {
                records: (0..records).map(|it| refused(page * 2_000 + it)).collect(),
                ..self::page(name(page), None)
            });
            let mut pages = pages.map(|page| guard.note(&page));
            let ended = pages.position(|noted| noted.is_err()).map(|at| at + 1);
            assert_eq!(ended, Some(expected), "{records} records a page");
        }
        let last = page(None, Some("1".to_owned()));
        assert_eq!(PageGuard::of_look_up().note(&last), Ok(()));
    }

    #[test]
    fn a_long_list_is_no_circle() {
        let name = |number: i32| Some(number.to_string());
        assert_eq!(read((0..).map(|number| page(name(number), name(number)))), Some(10_000));
        let now_and_then = |number| page(name(number), name(number).filter(|_| number % 90 == 0));
        assert_eq!(read((0..).map(now_and_then)), Some(10_000));
        let calendar = |number| Page { end_is_known: true, ..page(name(number), None) };
        assert_eq!(read((0..).map(calendar)), Some(10_000), "the end is ours");
    }
}
