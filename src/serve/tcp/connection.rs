//! One connection: it reads all that has come, has every complete message in it answered into one
//! buffer, and writes once. It knows framing and deadlines, and of messages nothing.
//!
//! Buffers are the thread's, since nothing waits between reading and writing. A connection has one of
//! its own only while half a message has come, or while its client does not take what it is sent.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Phase;
use super::admission::Claim;

/// A connection whose complete messages `answer` answers: it is given what has come, and room for
/// responses.
pub(super) struct Connection<S, A> {
    pub(super) stream: S,
    pub(super) answer: A,
    pub(super) claim: Claim,
    pub(super) phase: watch::Receiver<Phase>,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is closed: its client left, was idle, stayed long enough, or the server ends.
    Parted,
    /// Another has its seat. Nothing is under way.
    GivenUp,
    /// The client does not take what it is sent.
    NotTaken,
    /// The connection failed.
    Broken,
}

/// What an answering function made of what had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// How much of it was complete messages, in octets.
    pub(super) used: usize,
    /// How long the responses are together, in octets.
    pub(super) len: usize,
}

/// Between two turns.
#[derive(Debug, Default)]
struct Waiting {
    /// A message of which not all has come. Never as long as one can be and one read.
    half: Vec<u8>,
    /// Whether there are complete messages in it that were not answered yet.
    is_behind: bool,
    /// Responses that were not taken yet.
    unsent: Vec<u8>,
}

/// What a turn came to.
enum Turn {
    /// Messages came, and at least one had a response.
    Answered,
    /// Nothing that came had a response.
    Silent,
    /// The client will send nothing more.
    Closed,
}

/// What is read at once, in octets.
const READ: usize = 16 * 1024;
/// Responses are written once they are this long, in octets.
const FLUSH: usize = 64 * 1024;
/// The longest message with its length before it, in octets.
const LONGEST: usize = 2 + u16::MAX as usize;
/// For how long an answer that is not taken keeps a connection's seat.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// How long a client that was told of the end may take to close its own side.
const FAREWELL: Duration = Duration::from_secs(1);

/// A thread's buffers.
struct Room {
    input: Box<[u8]>,
    output: Box<[u8]>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        input: vec![0; READ].into(),
        output: vec![0; FLUSH + LONGEST].into(),
    });
}

impl<S, A> Connection<S, A>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: FnMut(&[u8], &mut [u8]) -> Answered,
{
    /// Serves until the client leaves, was idle or stayed for too long, another takes its seat, or the
    /// server ends.
    pub(super) async fn run(&mut self) -> End {
        let end = self.serve().await;
        if end == End::Parted {
            self.part().await;
        }
        end
    }

    async fn serve(&mut self) -> End {
        let Self { stream, answer, claim, phase } = self;
        let ends = Instant::now() + claim.limits().lifetime;
        let mut deadline = ends.min(Instant::now() + claim.limits().idle);
        let mut timer = pin!(sleep_until(deadline));
        let mut ending = pin!(reached(phase, Phase::Ending));
        let mut waiting = Waiting::default();
        loop {
            let turn = tokio::select! {
                // What has come is answered before anything ends the connection.
                biased;
                turn = std::future::poll_fn(|cx| waiting.poll_turn(stream, answer, cx)) => turn,
                () = &mut ending => return End::Parted,
                () = claim.given_up() => return End::GivenUp,
                () = &mut timer => {
                    // It may have been set for a query before the last.
                    if Instant::now() >= deadline {
                        return End::Parted;
                    }
                    timer.as_mut().reset(deadline);
                    continue;
                }
            };
            let now = Instant::now();
            match turn {
                Ok(Turn::Answered) => {
                    let idle = now + claim.limits().idle;
                    if !waiting.unsent.is_empty() {
                        claim.rest_from(now + UNDER_WAY);
                        let sent = waiting.send(stream, claim, idle).await;
                        if sent != Ok(()) {
                            return sent.err().unwrap_or(End::Broken);
                        }
                    } else {
                        claim.rest_from(now);
                    }
                    deadline = ends.min(idle);
                    if deadline < timer.deadline() {
                        timer.as_mut().reset(deadline);
                    }
                }
                Ok(Turn::Silent) => {}
                Ok(Turn::Closed) => return End::Parted,
                Err(_) => return End::Broken,
            }
            if now >= deadline {
                return End::Parted;
            }
            if claim.is_given_up() {
                return End::GivenUp;
            }
        }
    }

    /// Closes so that the client gets all of its answers. Closing over bytes that were not read would
    /// be a reset, which throws away what the client has not read either: so they are read first.
    async fn part(&mut self) {
        let Self { stream, claim, .. } = self;
        let _ = stream.shutdown().await;
        let deadline = Instant::now() + FAREWELL;
        let mut rest = vec![0; 512];
        let drained =
            async { while let Ok(Ok(1..)) = timeout_at(deadline, stream.read(&mut rest)).await {} };
        tokio::select! {
            () = drained => {}
            () = claim.given_up() => {}
        }
    }
}

impl Waiting {
    /// Reads, unless there is something to answer already, answers, and writes, as far as it need not
    /// wait but for the first.
    fn poll_turn<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        answer: &mut impl FnMut(&[u8], &mut [u8]) -> Answered,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Turn>> {
        ROOM.with_borrow_mut(|Room { input, output }| {
            let mut read = ReadBuf::new(input);
            if !self.is_behind {
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
                if read.filled().is_empty() {
                    return Poll::Ready(Ok(Turn::Closed));
                }
            }
            let len = self.answer(read.filled(), answer, output);
            let responses = output.get(..len).unwrap_or_default();
            let sent = poll_send(stream, responses, cx)?;
            self.unsent.extend_from_slice(responses.get(sent..).unwrap_or_default());
            Poll::Ready(Ok(if len > 0 { Turn::Answered } else { Turn::Silent }))
        })
    }

    /// Answers what was there and then what has been `read`, and keeps what is left. Returns how long
    /// the responses are.
    fn answer(
        &mut self,
        read: &[u8],
        answer: &mut impl FnMut(&[u8], &mut [u8]) -> Answered,
        output: &mut [u8],
    ) -> usize {
        let Answered { used, len } = if self.half.is_empty() {
            let answered = answer(read, output);
            self.half.extend_from_slice(read.get(answered.used..).unwrap_or_default());
            answered
        } else {
            self.half.extend_from_slice(read);
            let answered = answer(&self.half, output);
            self.half.drain(..answered.used);
            answered
        };
        if used > 0 && self.half.is_empty() {
            self.half = Vec::new();
        }
        self.is_behind = take_message(&self.half).is_some();
        len
    }

    /// Sends what was not taken yet, until `deadline` or until the seat is taken away.
    async fn send(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        claim: &mut Claim,
        deadline: Instant,
    ) -> Result<(), End> {
        let unsent = std::mem::take(&mut self.unsent);
        tokio::select! {
            biased;
            sent = timeout_at(deadline, stream.write_all(&unsent)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Broken),
                Err(_) => Err(End::NotTaken),
            },
            () = claim.given_up() => Err(End::NotTaken),
        }
    }
}

/// Has `answer` write its response to each complete message at the start of `input` into `output`,
/// each with its length before it, until those are worth a write. No response is of no length.
pub(super) fn answer_each(
    input: &[u8],
    output: &mut [u8],
    mut answer: impl FnMut(&[u8], &mut [u8]) -> usize,
) -> Answered {
    let (mut rest, mut len) = (input, 0);
    while len < FLUSH
        && let Some((message, tail)) = take_message(rest)
        && let Some((length, room)) = output.get_mut(len..).and_then(<[u8]>::split_first_chunk_mut)
    {
        rest = tail;
        let longest = room.len().min(usize::from(u16::MAX));
        let response = answer(message, room.get_mut(..longest).unwrap_or_default());
        if response > 0 {
            *length = (response as u16).to_be_bytes();
            len += length.len() + response;
        }
    }
    Answered { used: input.len() - rest.len(), len }
}

/// Waits until the end has come this far.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, far: Phase) {
    let _ = phase.wait_for(|phase| *phase >= far).await;
}

/// Sends what is taken without waiting. Returns how much that was.
fn poll_send(
    stream: &mut (impl AsyncWrite + Unpin),
    responses: &[u8],
    cx: &mut Context<'_>,
) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest @ [_, ..]) = responses.get(sent..) {
        match Pin::new(&mut *stream).poll_write(cx, rest) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => sent += written?,
            Poll::Pending => break,
        }
    }
    Ok(sent)
}

/// One message with its length before it (RFC 1035 section 4.2.2), and what follows; `None` until
/// all of it has come.
pub fn take_message(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
