use std::task::{Context, Poll, Waker};

use super::*;

fn event(seq: i64, user: &str) -> Event {
    Event { seq, user: UserId::stored(user), text: Bytes::from(format!("{seq} ")) }
}

fn next(listener: &mut Listener) -> Option<Next> {
    match listener.poll_next(&Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

fn text(text: &str) -> Option<Next> {
    Some(Next::Text(Bytes::from(text.to_owned())))
}

/// The one reader reads all of these.
async fn read(hub: &Hub, events: &[Event]) -> Option<usize> {
    let reading = hub.reading().await;
    hub.hand_out(reading, events.last().unwrap().seq, events)
}

fn user(name: &str) -> Option<UserId> {
    Some(UserId::stored(name))
}

#[tokio::test]
async fn each_listener_gets_what_it_asked_for_from_its_place_on() {
    let hub = Arc::new(Hub::default());
    let mut all = hub.listen(None, 10, 10, None).unwrap();
    let mut ann = hub.listen(user("ann"), 10, 10, None).unwrap();
    let mut ben = hub.listen(user("ben"), 10, 10, None).unwrap();
    let mut ahead = hub.listen(None, 12, 12, None).unwrap();
    let mut earlier = hub.listen(None, 4, 12, None).unwrap();
    assert_eq!(hub.count(), 5);
    assert!(hub.wants(&UserId::stored("cid")));
    assert_eq!(next(&mut all), None);
    let events = [event(11, "ann"), event(12, "cid"), event(13, "ann")];
    assert_eq!(read(&hub, &events).await, Some(4), "ben is not woken");
    assert_eq!(next(&mut all), text("11 12 13 "));
    assert_eq!(next(&mut ann), text("11 13 "));
    assert_eq!(next(&mut ben), None);
    assert_eq!(next(&mut ahead), text("13 "));
    // It reads what was there before, and some of what is in its queue as well.
    assert_eq!(next(&mut earlier), Some(Next::Read));
    earlier.has_read(8, true);
    assert_eq!(next(&mut earlier), Some(Next::Read));
    earlier.has_read(13, false);
    assert_eq!(next(&mut earlier), None);
    read(&hub, &[event(14, "ben")]).await;
    for listener in [&mut all, &mut ben, &mut ahead, &mut earlier] {
        assert_eq!(next(listener), text("14 "));
        assert_eq!(next(listener), None);
    }
    drop((all, ahead, earlier));
    assert!(!hub.wants(&UserId::stored("cid")) && hub.wants(&UserId::stored("ben")));
    drop((ann, ben));
    assert_eq!(hub.count(), 0);
}

#[tokio::test]
async fn who_does_not_keep_up_reads_again_and_nobody_else_notices() {
    let hub = Arc::new(Hub::default());
    let mut slow = hub.listen(None, 0, 0, None).unwrap();
    let mut quick = hub.listen(None, 0, 0, None).unwrap();
    for seq in 1..=40 {
        read(&hub, &[event(seq, "ann")]).await;
        assert_eq!(next(&mut quick), text(&format!("{seq} ")));
    }
    assert_eq!(next(&mut slow), Some(Next::Read));
    assert_eq!(slow.position(), 0);
    slow.has_read(40, false);
    read(&hub, &[event(41, "ann")]).await;
    assert_eq!(next(&mut slow), text("41 "));

    let large = |seq| Event { text: Bytes::from(vec![b'x'; MAX_BYTES]), ..event(seq, "ann") };
    read(&hub, &[large(42)]).await;
    assert!(matches!(next(&mut slow), Some(Next::Text(_))), "one may be larger than the bound");
    read(&hub, &[large(43)]).await;
    read(&hub, &[event(44, "ann")]).await;
    assert_eq!(next(&mut slow), Some(Next::Read));
}

#[tokio::test]
async fn who_comes_while_changes_are_read_misses_none() {
    let hub = Arc::new(Hub::default());
    let _first = hub.listen(user("ann"), 5, 5, None).unwrap();
    let reading = hub.reading().await;
    // What came for ben was left out: nobody wanted it when the read began.
    let mut ben = hub.listen(user("ben"), 5, 5, None).unwrap();
    let mut all = hub.listen(None, 5, 5, None).unwrap();
    hub.hand_out(reading, 7, &[event(6, "ann")]);
    assert_eq!(next(&mut ben), Some(Next::Read));
    assert_eq!(next(&mut all), Some(Next::Read));
}

#[tokio::test]
async fn a_read_that_began_for_others_is_thrown_away() {
    let hub = Arc::new(Hub::default());
    let first = hub.listen(None, 5, 5, None).unwrap();
    let reading = hub.reading().await;
    drop(first);
    let mut second = hub.listen(None, 9, 9, None).unwrap();
    assert_eq!(hub.hand_out(reading, 7, &[event(6, "ann"), event(7, "ann")]), None);
    assert_eq!(next(&mut second), None);
    assert_eq!(hub.reading().await.after, 9);
}

#[tokio::test]
async fn a_closed_hub_ends_all_and_takes_nobody() {
    let hub = Arc::new(Hub::default());
    let mut all = hub.listen(None, 0, 0, None).unwrap();
    let mut ann = hub.listen(user("ann"), 0, 0, None).unwrap();
    read(&hub, &[event(1, "ann")]).await;
    hub.close();
    assert_eq!(next(&mut all), Some(Next::End));
    assert_eq!(next(&mut ann), Some(Next::End));
    assert!(hub.listen(None, 0, 0, None).is_err());
}

#[tokio::test]
async fn of_those_who_come_with_a_bound_only_a_few_listen_to_a_user() {
    let hub = Arc::new(Hub::default());
    let _unbounded = hub.listen(user("ann"), 0, 0, None).unwrap();
    let first = hub.listen(user("ann"), 0, 0, Some(2)).unwrap();
    let _second = hub.listen(user("ann"), 0, 0, Some(2)).unwrap();
    assert_eq!(hub.listen(user("ann"), 0, 0, Some(2)).err(), Some(NotNow::Full));
    assert!(hub.listen(user("ben"), 0, 0, Some(2)).is_ok());
    assert!(hub.listen(user("ann"), 0, 0, None).is_ok());
    drop(first);
    assert!(hub.listen(user("ann"), 0, 0, Some(2)).is_ok(), "one has left");
}

#[tokio::test]
async fn what_is_passed_over_everybody_reads_for_himself() {
    let hub = Arc::new(Hub::default());
    let mut all = hub.listen(None, 5, 5, None).unwrap();
    let mut ben = hub.listen(user("ben"), 5, 5, None).unwrap();
    let reading = hub.try_reading().unwrap();
    hub.pass_over(reading, 8);
    for listener in [&mut all, &mut ben] {
        assert_eq!(next(listener), Some(Next::Read));
        listener.has_read(8, false);
    }
    hub.pass_over(reading, 20);
    assert_eq!(next(&mut all), None, "that was read already");
    read(&hub, &[event(9, "ben")]).await;
    assert_eq!((next(&mut all), next(&mut ben)), (text("9 "), text("9 ")));
}
