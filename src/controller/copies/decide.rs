//! What is to be done about one copy. Pure: what is wanted, what the source holds, what there is.

use super::copy::{Copy, Wanted};
use crate::config::OnRemoval;
use crate::sources::{Content, Source};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Nothing: it is in place.
    InPlace,
    /// Nothing: there is none, and none is wanted.
    Absent,
    /// Nothing: the grant is gone, and the copy is to stay.
    Retained,
    /// Nothing: the source cannot be used. What was copied before stays.
    NoSource(&'a str),
    /// Nothing: a Secret that is not ours has the name. It is used as it is.
    Foreign,
    /// Nothing yet: it is being deleted.
    Terminating,
    /// To be made.
    Create(&'a Content),
    /// To be looked at, and written if it differs.
    Update(&'a Content),
    /// To be deleted.
    Delete,
}

impl Action<'_> {
    /// Whether it asks anything of the API server.
    pub fn is_work(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(_) | Self::Delete)
    }
}

/// Decides. `wanted` is none where nothing is granted.
pub fn decide<'a>(
    wanted: Option<&Wanted>,
    source: Option<&'a Source>,
    found: Option<&Copy>,
) -> Action<'a> {
    let Some(wanted) = wanted else { return without_grant(found) };
    if found.is_some_and(|found| found.is_terminating) {
        return Action::Terminating;
    }
    if found.is_some_and(|found| !found.is_ours()) {
        return Action::Foreign;
    }
    let content = match source {
        Some(Source::Good(content)) => content,
        Some(Source::Broken(reason)) => return Action::NoSource(reason),
        None => return Action::NoSource("it does not exist"),
    };
    match found {
        None => Action::Create(content),
        Some(found) if is_in_place(found, wanted, content) => Action::InPlace,
        Some(_) => Action::Update(content),
    }
}

fn is_in_place(found: &Copy, wanted: &Wanted, content: &Content) -> bool {
    !found.is_changed
        && found.mark.as_deref() == Some(content.mark())
        && found.wanted.as_deref() == Some(wanted)
}

fn without_grant(found: Option<&Copy>) -> Action<'static> {
    match found {
        None => Action::Absent,
        Some(found) if found.is_terminating => Action::Terminating,
        Some(found) => match found.wanted.as_ref().map(|wanted| wanted.on_removal) {
            None => Action::Foreign,
            Some(OnRemoval::Retain) => Action::Retained,
            Some(OnRemoval::Delete) => Action::Delete,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uid: &str, content: &str) -> Source {
        Source::good(uid, content.as_bytes())
    }

    fn wanted(entry: &str, on_removal: OnRemoval) -> Wanted {
        Wanted { entry: entry.into(), source: "source".into(), on_removal }
    }

    fn copy_of(source: &Source, wanted: &Wanted) -> Copy {
        let Source::Good(content) = source else { panic!("{source:?}") };
        Copy::marked(content.mark(), Some(wanted.clone()))
    }

    #[test]
    fn every_state_of_a_copy_has_one_action() {
        let (now, next) = (source("1", "a"), source("1", "b"));
        let broken = Source::Broken("it is broken".into());
        let (delete, retain) = (wanted("a", OnRemoval::Delete), wanted("a", OnRemoval::Retain));
        let good = copy_of(&now, &delete);
        let changed = Copy { is_changed: true, ..good.clone() };
        let terminating = Copy { is_terminating: true, ..good.clone() };
        let foreign = Copy { wanted: None, mark: None, ..good.clone() };
        let retained = copy_of(&now, &retain);
        let content = |source: &Source| match source {
            Source::Good(content) => content.clone(),
            Source::Broken(reason) => panic!("{reason}"),
        };
        let (content_now, content_next) = (content(&now), content(&next));
        let cases = [
            // Without a grant, whatever the source.
            (None, Some(&now), None, Action::Absent),
            (None, Some(&now), Some(&good), Action::Delete),
            (None, None, Some(&good), Action::Delete),
            (None, Some(&now), Some(&changed), Action::Delete),
            (None, Some(&now), Some(&retained), Action::Retained),
            (None, Some(&now), Some(&foreign), Action::Foreign),
            (None, Some(&now), Some(&terminating), Action::Terminating),
            // With one.
            (Some(&delete), Some(&now), None, Action::Create(&content_now)),
            (Some(&delete), Some(&now), Some(&good), Action::InPlace),
            (Some(&delete), Some(&next), Some(&good), Action::Update(&content_next)),
            (Some(&delete), Some(&now), Some(&changed), Action::Update(&content_now)),
            (Some(&delete), Some(&now), Some(&retained), Action::Update(&content_now)),
            (Some(&delete), Some(&now), Some(&foreign), Action::Foreign),
            (Some(&delete), Some(&now), Some(&terminating), Action::Terminating),
            // Without a source that can be used nothing is made, and nothing taken away.
            (Some(&delete), None, None, Action::NoSource("it does not exist")),
            (Some(&delete), Some(&broken), None, Action::NoSource("it is broken")),
            (Some(&delete), Some(&broken), Some(&good), Action::NoSource("it is broken")),
            (Some(&delete), None, Some(&changed), Action::NoSource("it does not exist")),
        ];
        for (wanted, source, found, expected) in cases {
            assert_eq!(decide(wanted, source, found), expected, "{wanted:?} {source:?} {found:?}");
        }
        let other = wanted("b", OnRemoval::Delete);
        assert!(decide(Some(&other), Some(&now), Some(&good)).is_work(), "another entry's");
        let again = source("2", "a");
        assert!(decide(Some(&delete), Some(&again), Some(&good)).is_work(), "another source");
    }
}
