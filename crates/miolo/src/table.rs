//! A reactor's sockets by token.
//!
//! # Invariants
//!
//! 1. A slot that is freed gets a new generation at once, so that no token of its former socket finds it.
//! 2. Free slots are used again in the order they became free, so that a generation returns as late as possible.

use std::collections::VecDeque;

use crate::transport::Readiness;
#[cfg(unix)]
use crate::transport::datagram::Datagram;
use crate::transport::listener::Listener;
use crate::transport::stream::Stream;
#[cfg(unix)]
use crate::watcher::Watcher;
use crate::{Error, Token};

#[derive(Debug)]
pub enum Kind {
    Free,
    Listener(Listener),
    Stream(Stream),
    #[cfg(unix)]
    Datagram(Datagram),
    #[cfg(unix)]
    Watcher(Watcher),
}

#[derive(Debug)]
pub struct Slot {
    generation: u32,
    pub readiness: Readiness,
    /// Whether the slot stands on a list of the reactor's.
    pub listed: bool,
    pub kind: Kind,
}

#[cfg(unix)]
impl Kind {
    /// The descriptor.
    pub fn fd(&self) -> Option<std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        match self {
            Self::Free => None,
            Self::Listener(listener) => Some(listener.socket.as_raw_fd()),
            Self::Stream(stream) => Some(stream.socket.as_raw_fd()),
            Self::Datagram(datagram) => Some(datagram.socket.as_raw_fd()),
            Self::Watcher(watcher) => Some(watcher.fd),
        }
    }
}

impl Slot {
    pub fn may_act(&self) -> bool {
        match &self.kind {
            Kind::Free => false,
            Kind::Listener(listener) => listener.may_act(self.readiness),
            Kind::Stream(stream) => stream.may_receive(self.readiness),
            #[cfg(unix)]
            Kind::Datagram(datagram) => datagram.may_receive(self.readiness),
            // Told of by the next poll.
            #[cfg(unix)]
            Kind::Watcher(_) => false,
        }
    }
}

#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: VecDeque<usize>,
}

impl Table {
    /// The slot of a token, unless it is stale.
    pub fn find(&mut self, token: Token) -> Option<&mut Slot> {
        self.slots.get_mut(token.index()).filter(|slot| slot.generation == token.generation())
    }

    /// What a token names, unless it is stale.
    pub fn kind(&self, token: Token) -> Option<&Kind> {
        let slot = self.slots.get(token.index())?;
        (slot.generation == token.generation()).then_some(&slot.kind)
    }

    /// The stream that a token names.
    pub fn stream(&mut self, token: Token) -> Option<&mut Stream> {
        match &mut self.find(token)?.kind {
            Kind::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// Number of slots in use.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The socket of datagrams that a token names.
    #[cfg(unix)]
    pub fn datagram(&mut self, token: Token) -> Option<&mut Datagram> {
        match &mut self.find(token)?.kind {
            Kind::Datagram(datagram) => Some(datagram),
            _ => None,
        }
    }

    /// The token that the next [`Self::insert`] takes.
    pub fn next_token(&self) -> Result<Token, Error> {
        match self.free.front() {
            Some(&index) => Ok(Token::new(index, self.slots[index].generation)),
            None if self.slots.len() < Token::MAX_SLOTS => Ok(Token::new(self.slots.len(), 0)),
            None => Err(Error::Exhausted),
        }
    }

    /// Puts a socket under the token that [`Self::next_token`] gave.
    pub fn insert(&mut self, token: Token, kind: Kind) {
        let index = token.index();
        let slot =
            Slot { generation: token.generation(), readiness: Readiness::default(), listed: false, kind };
        if index == self.slots.len() {
            self.slots.push(slot);
        } else {
            self.free.pop_front();
            self.slots[index] = slot;
        }
    }

    /// Takes a socket out. The token is stale from then on.
    pub fn remove(&mut self, token: Token) -> Kind {
        let Some(slot) = self.find(token) else {
            return Kind::Free;
        };
        let kind = std::mem::replace(&mut slot.kind, Kind::Free);
        if !matches!(kind, Kind::Free) {
            slot.generation = Token::next_generation(slot.generation);
            self.free.push_back(token.index());
        }
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> Kind {
        let socket = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Kind::Listener(Listener::new(socket))
    }

    fn insert(table: &mut Table) -> Token {
        let token = table.next_token().unwrap();
        table.insert(token, listener());
        token
    }

    #[test]
    fn slots_are_used_again_in_the_order_they_became_free_with_another_generation() {
        let mut table = Table::default();
        let tokens: Vec<Token> = (0..3).map(|_| insert(&mut table)).collect();
        for token in [tokens[1], tokens[0], tokens[2]] {
            assert!(matches!(table.remove(token), Kind::Listener(_)));
            assert!(matches!(table.remove(token), Kind::Free), "a second time is harmless");
        }
        let again: Vec<Token> = (0..3).map(|_| insert(&mut table)).collect();
        assert_eq!(again.iter().map(|token| token.index()).collect::<Vec<_>>(), [1, 0, 2]);
        assert!(tokens.iter().all(|&token| table.find(token).is_none()));
        assert!(again.iter().all(|&token| table.find(token).is_some()));
    }

    #[test]
    fn tokens_differ_for_two_thousand_uses_of_a_slot_and_are_never_negative() {
        let mut table = Table::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2048 {
            let token = insert(&mut table);
            assert!(token.raw().cast_signed() >= 0);
            assert!(seen.insert(token));
            table.remove(token);
        }
        assert!(!seen.insert(insert(&mut table)), "then the generations begin anew");
    }
}
