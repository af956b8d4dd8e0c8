//! Names looked up on other threads. No test asks a server: the machine knows these names itself.
#![cfg(feature = "resolver")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use miolo::EventLoop;
use miolo::resolver::{NameError, Query, names_of};

fn query(host: &str, service: &str) -> Query {
    Query { host: Some(host.to_owned()), service: Some(service.to_owned()), kind: 1, ..Query::default() }
}

#[test]
fn an_answer_arrives_in_a_turn_of_the_loop_that_asked() -> Result<(), miolo::Error> {
    thread_local! {
        static ANSWERS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }
    let mut event_loop = EventLoop::new()?;
    event_loop.lookup(query("127.0.0.1", "80"), |event_loop, found| {
        let found = found.expect("a literal");
        ANSWERS.with_borrow_mut(|answers| answers.push(found[0].address.to_string()));
        event_loop.stop();
    })?;
    event_loop.run()?;
    assert_eq!(ANSWERS.with_borrow(Clone::clone), ["127.0.0.1:80"]);
    Ok(())
}

#[test]
fn the_loop_goes_on_while_a_name_is_looked_up() -> Result<(), miolo::Error> {
    let mut event_loop = EventLoop::new()?;
    let ticks = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&ticks);
    event_loop.call_later(Duration::from_millis(1), move |_| *counted.borrow_mut() += 1);
    event_loop.lookup(query("localhost", "http"), |event_loop, found| {
        assert!(found.expect("every machine knows it").iter().all(|one| one.address.ip().is_loopback()));
        event_loop.call_later(Duration::from_millis(2), EventLoop::stop);
    })?;
    event_loop.run()?;
    assert_eq!(*ticks.borrow(), 1);
    Ok(())
}

#[test]
fn failures_have_the_system_s_codes() {
    let code = |query: Query| query.run().map_err(|error| error.code);
    assert_eq!(code(Query::default()), Err("EAI_NONAME"));
    assert_eq!(code(query("127.0.0.1", "no-such-service")), Err("EAI_SERVICE"));
    assert_eq!(code(Query { family: 9999, ..query("127.0.0.1", "80") }), Err("EAI_FAMILY"));
    assert_eq!(
        code(Query { flags: 4, ..query("not an address", "80") }),
        Err("EAI_NONAME"),
        "AI_NUMERICHOST"
    );
}

#[test]
fn an_address_has_a_name_and_a_service() -> Result<(), NameError> {
    let address = "127.0.0.1:80".parse().unwrap();
    assert_eq!(names_of(address, 3)?, ("127.0.0.1".to_owned(), "80".to_owned()), "both numeric");
    assert_eq!(names_of(address, 1)?.1, "http");
    Ok(())
}
