//! What a socket does when it is its turn: receive, tell, flush.

use crate::transport::Readiness;
#[cfg(unix)]
use crate::transport::datagram::{Datagram, Tools};
use crate::transport::stream::{Flushed, Received, Stream};
use crate::{Event, Sink, Token};

/// What a datagram counts beyond its bytes, in a batch's budget: small ones are many.
#[cfg(unix)]
const DATAGRAM_COST: usize = 64;

/// Serves one stream: the end of its connecting, one receive, then a flush. Returns the bytes received.
pub fn serve<S: Sink>(
    token: Token,
    stream: &mut Stream,
    readiness: &mut Readiness,
    max_receive: usize,
    sink: &mut S,
) -> usize {
    if stream.connecting {
        if !readiness.writable && !readiness.ending {
            return 0;
        }
        match stream.connected(readiness) {
            Ok(true) => sink.event(Event::Connected { stream: token }),
            Ok(false) => return 0,
            Err(error) => {
                sink.event(Event::Lost { stream: token, error });
                return 0;
            }
        }
    }
    let mut received = 0;
    if stream.may_receive(*readiness) {
        let buffer = sink.buffer();
        let room = buffer.len().min(max_receive);
        // Without memory to receive into the stream keeps its turn: an empty receive would look like its end.
        let outcome =
            if room == 0 { Received::Nothing } else { stream.receive(readiness, &mut buffer[..room]) };
        match outcome {
            Received::Bytes(len) => {
                received = len;
                sink.event(Event::Received { stream: token, len });
            }
            Received::End => sink.event(Event::Eof { stream: token }),
            Received::Nothing => {}
            Received::Failed(error) => {
                sink.event(Event::Lost { stream: token, error });
                return 0;
            }
        }
    }
    if readiness.writable {
        readiness.writable = false;
        match stream.flush() {
            Flushed::Drained => sink.event(Event::Drained { stream: token, backlog: stream.backlog() }),
            Flushed::Nothing => {}
            Flushed::Failed(error) => sink.event(Event::Lost { stream: token, error }),
        }
    }
    received
}

/// Serves one socket of datagrams: receives until nothing is left or the budget is used up, then a flush. Returns
/// what was received, by its cost.
#[cfg(unix)]
pub fn serve_datagrams<S: Sink>(
    token: Token,
    datagram: &mut Datagram,
    readiness: &mut Readiness,
    budget: usize,
    whole: bool,
    tools: &mut Tools,
    sink: &mut S,
) -> usize {
    let mut received = 0;
    while received < budget && datagram.may_receive(*readiness) {
        let most = sink.spare();
        let outcome = datagram.receive(readiness, sink.buffer(), most, whole && received == 0, tools);
        let none = tools.found.is_empty();
        for found in tools.found.drain(..) {
            received += found.len + DATAGRAM_COST;
            sink.event(Event::Datagram {
                socket: token,
                start: found.start,
                len: found.len,
                from: found.from,
            });
        }
        match outcome {
            Ok(()) if none => break,
            Ok(()) => {}
            Err(error) => {
                received += DATAGRAM_COST;
                sink.event(Event::ReceiveFailed { socket: token, error });
                if !sink.room() {
                    break;
                }
            }
        }
    }
    if readiness.writable {
        readiness.writable = false;
        let mut failed = |error| sink.event(Event::SendFailed { socket: token, error });
        if datagram.flush(tools, &mut failed) {
            sink.event(Event::Drained { stream: token, backlog: datagram.backlog() });
        }
    }
    received
}
