//! One connection: it reads all that has come, has every complete message in it answered into one
//! buffer, and writes once. It knows framing and deadlines, and of messages nothing.
//!
//! Buffers are the thread's, since nothing waits between reading and writing. A connection has one of
//! its own only while half a message has come, or while its client does not take what it is sent.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::admission::{Claim, Eviction};
use super::{Limits, Phase};

/// A connection whose complete messages `answer` answers: it is given what has come, and room for
/// responses.
pub(super) struct Connection<S, A> {
    pub(super) stream: S,
    pub(super) answer: A,
    pub(super) claim: Claim,
    pub(super) eviction: Eviction,
    pub(super) phase: watch::Receiver<Phase>,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is closed: its client left, was idle, stayed long enough, or the server ends.
    Parted,
    /// Another has its seat. No answer is under way.
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
    /// Messages came, and at least one had a response: when, which is before it was sent.
    Answered(Instant),
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
/// How much it may still send meanwhile, in octets.
const MOST_DRAINED: u64 = 1 << 20;

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
        let Self { stream, answer, claim, eviction, phase } = self;
        let opened = Instant::now();
        let mut at_rest = opened;
        // The bounds may change while it is open.
        let end = |at_rest: Instant| {
            let Limits { idle, lifetime, .. } = claim.limits();
            (opened + lifetime).min(at_rest + idle)
        };
        let mut timer = pin!(sleep_until(end(at_rest)));
        let mut ending = pin!(reached(phase, Phase::Ending));
        let mut waiting = Waiting::default();
        loop {
            let turn = tokio::select! {
                // What has come is answered before anything ends the connection.
                biased;
                turn = poll_fn(|cx| waiting.poll_turn(stream, answer, claim, cx)) => turn,
                () = &mut ending => return End::Parted,
                () = eviction.come() => return End::GivenUp,
                () = &mut timer => {
                    // It may have been set for a query before the last, or by other bounds.
                    let deadline = end(at_rest);
                    if Instant::now() >= deadline {
                        return End::Parted;
                    }
                    timer.as_mut().reset(deadline);
                    continue;
                }
            };
            let now = match turn {
                Ok(Turn::Answered(at)) => {
                    at_rest = at;
                    if waiting.unsent.is_empty() {
                        at
                    } else {
                        claim.rest_from(at + UNDER_WAY);
                        let idle = at + claim.limits().idle;
                        if let Err(end) = waiting.send(stream, eviction, idle).await {
                            return end;
                        }
                        Instant::now()
                    }
                }
                Ok(Turn::Silent) => Instant::now(),
                Ok(Turn::Closed) => return End::Parted,
                Err(_) => return End::Broken,
            };
            let deadline = end(at_rest);
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            // The timer is not looked at while there is always something to read.
            if now >= deadline {
                return End::Parted;
            }
            if eviction.has_come() {
                return End::GivenUp;
            }
        }
    }

    /// Closes so that the client gets all of its answers. Closing over bytes that were not read would
    /// be a reset, which throws away what the client has not read either: so they are read first.
    async fn part(&mut self) {
        let Self { stream, eviction, .. } = self;
        let _ = stream.shutdown().await;
        let mut rest = stream.take(MOST_DRAINED);
        let drained = timeout(FAREWELL, async {
            // In the connection's own memory it would be there from the beginning.
            let mut sink = vec![0; 4096];
            while let Ok(1..) = rest.read(&mut sink).await {}
        });
        tokio::select! {
            _ = drained => {}
            () = eviction.come() => {}
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
        claim: &Claim,
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
            let Some(responses @ [_, ..]) = output.get(..len) else {
                return Poll::Ready(Ok(Turn::Silent));
            };
            let now = Instant::now();
            claim.rest_from(now);
            let sent = poll_send(stream, responses, cx)?;
            self.unsent.extend_from_slice(responses.get(sent..).unwrap_or_default());
            Poll::Ready(Ok(Turn::Answered(now)))
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
        eviction: &mut Eviction,
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
            () = eviction.come() => Err(End::NotTaken),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::super::Admission;
    use super::*;

    /// A client of a connection whose messages are answered by themselves, but for those that begin
    /// with `?`, which get no answer. All in virtual time.
    struct Client {
        stream: DuplexStream,
        connection: JoinHandle<End>,
        admission: Admission,
        phase: watch::Sender<Phase>,
    }

    const LIMITS: Limits = Limits {
        idle: Duration::from_secs(10),
        lifetime: Duration::from_secs(3600),
        connections: 1,
        per_client: 1,
    };

    fn repeat(input: &[u8], output: &mut [u8]) -> Answered {
        answer_each(input, output, |message, response| {
            let is_silent = message.first() == Some(&b'?');
            let message = if is_silent { &[] } else { message };
            response[..message.len()].copy_from_slice(message);
            message.len()
        })
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes(), message].concat()
    }

    impl Client {
        fn new() -> Self {
            Self::within(LIMITS, 1 << 20)
        }

        /// With so many octets on the way in each direction.
        fn within(limits: Limits, buffer: usize) -> Self {
            let (stream, other) = duplex(buffer);
            let admission = Admission::new(limits, Arc::default());
            let (claim, eviction) = admission.admit([192, 0, 2, 1].into()).unwrap();
            let (phase, is_phase) = watch::channel(Phase::Serving);
            let mut connection =
                Connection { stream: other, answer: repeat, claim, eviction, phase: is_phase };
            let connection = tokio::spawn(async move { connection.run().await });
            Self { stream, connection, admission, phase }
        }

        async fn send(&mut self, octets: &[u8]) {
            self.stream.write_all(octets).await.unwrap();
        }

        /// Sends these, and waits until they have been read.
        async fn deliver(&mut self, octets: &[u8]) {
            self.send(octets).await;
            sleep(Duration::from_nanos(1)).await;
        }

        async fn receive(&mut self) -> Vec<u8> {
            let len = self.stream.read_u16().await.unwrap();
            let mut message = vec![0; usize::from(len)];
            self.stream.read_exact(&mut message).await.unwrap();
            message
        }

        async fn ask(&mut self, message: &[u8]) {
            self.send(&framed(message)).await;
            assert_eq!(self.receive().await, message);
        }

        /// Whether there is an answer, and not the end.
        async fn ask_or_end(&mut self, message: &[u8]) -> bool {
            let (whole, mut answer) = (framed(message), vec![]);
            let _ = self.stream.write_all(&whole).await;
            let mut next = (&mut self.stream).take(whole.len() as u64);
            next.read_to_end(&mut answer).await.unwrap();
            assert!(answer.is_empty() || answer == whole, "{answer:?}");
            !answer.is_empty()
        }

        /// Waits for the end, and returns its reason and when it came.
        async fn ended(&mut self, start: Instant) -> (End, Duration) {
            let end = (&mut self.connection).await.unwrap();
            (end, start.elapsed())
        }

        /// As for a client that closes its side once it was told: when it was told.
        async fn told(&mut self, start: Instant) -> Duration {
            let mut rest = vec![];
            self.stream.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty(), "{rest:?}");
            start.elapsed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_may_be_split_at_every_two_octets() {
        let both = [framed(b"first"), framed(b"second message")].concat();
        let mut client = Client::new();
        for first in 0..=both.len() {
            for second in first..=both.len() {
                client.deliver(&both[..first]).await;
                client.deliver(&both[first..second]).await;
                client.deliver(&both[second..]).await;
                assert_eq!(client.receive().await, b"first", "split at {first} and {second}");
                assert_eq!(client.receive().await, b"second message");
            }
        }
    }

    /// Messages, of which some get no answer, and where they are cut.
    fn traffic() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<prop::sample::Index>)> {
        let message = prop_oneof![
            6 => prop::collection::vec(any::<u8>(), 0..40),
            1 => prop::collection::vec(any::<u8>(), 0..5000),
            1 => (60_000..=65_535usize).prop_map(|len| vec![1; len]),
        ];
        let cut = any::<prop::sample::Index>();
        (prop::collection::vec(message, 1..20), prop::collection::vec(cut, 0..20))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_message_is_answered_once_and_in_order_however_the_stream_is_cut(
            (messages, cuts) in traffic(),
            buffer in prop_oneof![Just(100usize), Just(10_000), Just(1 << 21)],
        ) {
            let octets: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(octets.len())).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            let answers = runtime.block_on(async {
                let Client { stream, connection, admission: _, phase: _phase } =
                    Client::within(LIMITS, buffer);
                let (mut reading, mut writing) = tokio::io::split(stream);
                let write = async {
                    for piece in cuts.windows(2) {
                        writing.write_all(&octets[piece[0]..piece[1]]).await.unwrap();
                        sleep(Duration::from_nanos(1)).await;
                    }
                    writing.shutdown().await.unwrap();
                };
                let mut answers = vec![];
                let read = reading.read_to_end(&mut answers);
                let (_, read) = tokio::join!(write, read);
                read.unwrap();
                assert_eq!(connection.await.unwrap(), End::Parted);
                answers
            });
            let expected = messages.iter().filter(|message| !matches!(message[..], [] | [b'?', ..]));
            prop_assert!(answers == expected.flat_map(|message| framed(message)).collect::<Vec<_>>());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_in_time() {
        let (mut client, start) = (Client::new(), Instant::now());
        sleep(Duration::from_secs(3)).await;
        client.ask(b"query").await;
        assert_eq!(client.told(start).await, Duration::from_secs(13));
        drop(client.stream);
        assert_eq!(client.connection.await.unwrap(), End::Parted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_may_take_as_long_as_a_connection_may_be_idle() {
        let (mut client, message) = (Client::new(), b"dribbled");
        for octet in framed(message) {
            sleep(Duration::from_millis(900)).await;
            client.send(&[octet]).await;
        }
        assert_eq!(client.receive().await, message);
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_that_never_ends_does_not_hold_its_connection() {
        let (Client { stream, connection, admission: _, phase: _phase }, start) =
            (Client::new(), Instant::now());
        let (mut reading, mut writing) = tokio::io::split(stream);
        let dribbling = tokio::spawn(async move {
            while writing.write_all(&[0xff]).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut answers = vec![];
        reading.read_to_end(&mut answers).await.unwrap();
        assert_eq!((answers, start.elapsed()), (vec![], LIMITS.idle));
        // Nor does it by going on.
        assert_eq!(connection.await.unwrap(), End::Parted);
        assert_eq!(start.elapsed(), LIMITS.idle + FAREWELL);
        dribbling.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_gets_no_answer_does_not_hold_a_connection() {
        let (mut client, start) = (Client::new(), Instant::now());
        let mut rest = vec![];
        while timeout(Duration::from_secs(1), client.stream.read_to_end(&mut rest)).await.is_err() {
            client.send(&framed(b"?")).await;
            client.send(&framed(b"")).await;
        }
        assert_eq!((rest, start.elapsed()), (vec![], LIMITS.idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_is_closed_at_the_end_of_its_life_between_two_answers() {
        let limits = Limits { lifetime: Duration::from_secs(60), ..LIMITS };
        let (mut client, start) = (Client::within(limits, 1 << 20), Instant::now());
        while client.ask_or_end(b"query").await {
            sleep(Duration::from_secs(7)).await;
        }
        assert_eq!(client.told(start).await, Duration::from_secs(63));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lower_lifetime_reaches_an_open_connection_with_its_next_query() {
        let (mut client, start) = (Client::new(), Instant::now());
        while start.elapsed() < Duration::from_secs(30) {
            client.ask(b"query").await;
            sleep(Duration::from_secs(5)).await;
        }
        client.admission.limit(Limits { lifetime: Duration::from_secs(20), ..LIMITS });
        client.ask(b"last").await;
        assert_eq!(client.told(start).await, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_at_rest_goes_by_the_bounds_of_when_it_would_be_closed() {
        let limits = Limits { lifetime: Duration::from_secs(5), ..LIMITS };
        let (mut client, start) = (Client::within(limits, 1 << 20), Instant::now());
        client.ask(b"query").await;
        client.admission.limit(Limits { lifetime: Duration::from_secs(8), ..LIMITS });
        sleep(Duration::from_secs(6)).await;
        client.admission.limit(Limits { lifetime: Duration::from_secs(7), ..LIMITS });
        assert_eq!(client.told(start).await, Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_never_at_rest_ends_too() {
        let limits = Limits { lifetime: Duration::from_secs(60), ..LIMITS };
        let (client, start) = (Client::within(limits, 4096), Instant::now());
        let Client { stream, connection, admission: _, phase: _phase } = client;
        let (mut reading, mut writing) = tokio::io::split(stream);
        let queries = framed(b"query").repeat(1000);
        let asking =
            tokio::spawn(async move { while writing.write_all(&queries).await.is_ok() {} });
        let mut buffer = vec![0; 700];
        let mut taken = vec![];
        // So slowly that queries always wait.
        while let Ok(len @ 1..) = reading.read(&mut buffer).await {
            taken.extend_from_slice(&buffer[..len]);
            sleep(Duration::from_millis(100)).await;
        }
        assert!(start.elapsed() >= limits.lifetime, "{:?}", start.elapsed());
        assert!(start.elapsed() < limits.lifetime * 2, "{:?}", start.elapsed());
        // The last answer is whole.
        let whole = framed(b"query");
        assert_eq!(taken.len() % whole.len(), 0);
        assert!(taken.chunks(whole.len()).all(|answer| answer == whole));
        drop(reading);
        asking.abort();
        assert_eq!(connection.await.unwrap(), End::Parted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_no_answers_is_cut_off_and_costs_a_bounded_amount() {
        let (mut client, start) = (Client::within(LIMITS, 1000), Instant::now());
        let mut sent = 0;
        let query = framed(&[1; 1000]);
        while let Ok(Ok(())) = timeout(LIMITS.idle / 2, client.stream.write_all(&query)).await {
            sent += query.len();
        }
        assert!(sent < FLUSH + READ + LONGEST, "{sent}");
        let (end, after) = client.ended(start).await;
        assert_eq!((end, after), (End::NotTaken, LIMITS.idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_will_send_no_more_gets_its_answers_and_then_the_end() {
        let mut client = Client::within(LIMITS, 64);
        client.send(&[framed(b"one"), framed(b"two"), vec![0, 9, 1]].concat()).await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(
            (client.receive().await, client.receive().await),
            (b"one".into(), b"two".into())
        );
        let start = Instant::now();
        assert_eq!(client.told(start).await, Duration::ZERO);
        assert_eq!(client.ended(start).await, (End::Parted, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_seat_is_taken_ends_at_once() {
        let (mut client, start) = (Client::new(), Instant::now());
        client.ask(b"query").await;
        let _newcomer = client.admission.admit([192, 0, 2, 1].into()).unwrap();
        assert_eq!(client.ended(start).await, (End::GivenUp, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_had_come_is_answered_before_a_seat_is_given_up() {
        let (mut client, start) = (Client::new(), Instant::now());
        client.ask(b"query").await;
        client.send(&framed(b"last")).await;
        let _newcomer = client.admission.admit([192, 0, 2, 1].into()).unwrap();
        assert_eq!(client.ended(start).await, (End::GivenUp, Duration::ZERO));
        assert_eq!(client.receive().await, b"last");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_under_way_keeps_the_seat_for_a_while() {
        let (mut client, start) = (Client::within(LIMITS, 100), Instant::now());
        client.deliver(&framed(&[1; 98])).await;
        client.deliver(&framed(&[2; 98])).await;
        assert!(client.admission.admit([192, 0, 2, 1].into()).is_none());
        sleep(UNDER_WAY).await;
        let _newcomer = client.admission.admit([192, 0, 2, 1].into()).unwrap();
        let (end, after) = client.ended(start).await;
        assert_eq!((end, after.as_secs()), (End::NotTaken, UNDER_WAY.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_server_is_the_end_of_a_connection() {
        let (mut client, start) = (Client::new(), Instant::now());
        client.ask(b"query").await;
        client.phase.send_replace(Phase::Leaving);
        client.ask(b"query").await;
        client.phase.send_replace(Phase::Ending);
        assert_eq!(client.told(start).await, Duration::ZERO);
    }

    #[test]
    fn a_connection_has_a_buffer_only_while_half_a_message_has_come() {
        let (mut waiting, mut output) = (Waiting::default(), vec![0; FLUSH + LONGEST]);
        let message = framed(b"query");
        let capacities = [&message[..4], &message[4..], &message].map(|read| {
            waiting.answer(read, &mut repeat, &mut output);
            (waiting.half.capacity() > 0, waiting.is_behind)
        });
        assert_eq!(capacities, [(true, false), (false, false), (false, false)]);
    }
}
