//! One log stream: its events in order of arrival, the oldest forgotten.

use std::collections::VecDeque;

/// Events kept of a stream.
pub(super) const KEPT: usize = 10_000;

/// Bytes kept of a stream's messages.
pub(super) const KEPT_BYTES: usize = 4 << 20;

/// Bytes of one message; AWS cuts there, too (256 KiB).
const LONGEST: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) created: u64,
    events: VecDeque<Event>,
    forgotten: u64,
    bytes: usize,
}

/// Times are virtual milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) timestamp: u64,
    pub(super) ingested: u64,
    pub(super) message: String,
}

impl Stream {
    pub(super) fn new(created: u64) -> Self {
        Self { created, events: VecDeque::new(), forgotten: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, timestamp: u64, ingested: u64, message: &str) {
        let message = message[..message.floor_char_boundary(LONGEST)].to_owned();
        self.bytes += message.len();
        self.events.push_back(Event { timestamp, ingested, message });
        while self.events.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.message.len();
            self.forgotten += 1;
        }
    }

    /// Events with their numbers since the stream's beginning, which stay when older ones are forgotten.
    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = (u64, &Event)> {
        self.events.iter().enumerate().map(|(index, event)| (self.forgotten + index as u64, event))
    }

    /// The number the next event gets.
    pub(super) fn end(&self) -> u64 {
        self.forgotten + self.events.len() as u64
    }

    pub(super) fn last(&self) -> Option<&Event> {
        self.events.back()
    }

    pub(super) fn first(&self) -> Option<&Event> {
        self.events.front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_numbers_stay() {
        let mut stream = Stream::new(0);
        for number in 0..KEPT as u64 + 5 {
            stream.push(number, number, "x");
        }
        assert_eq!(stream.events().count(), KEPT);
        assert_eq!(stream.events().next().unwrap().0, 5);
        assert_eq!(stream.end(), KEPT as u64 + 5);
        for _ in 0..100 {
            stream.push(0, 0, &"ü".repeat(LONGEST));
        }
        assert!(stream.bytes <= KEPT_BYTES);
        assert!(stream.last().unwrap().message.len() <= LONGEST);
    }
}
