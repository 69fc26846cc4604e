//! What is in flight: a set that only grows, or the latest few messages of each link.

use labrpc::NodeId;

/// Who says what to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope<M> {
    pub from: NodeId,
    pub to: NodeId,
    pub message: M,
}

/// A message's number, and its link: who sends, to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    pub from: u8,
    pub to: u8,
    pub envelope: u32,
}

/// The messages in flight, by link.
///
/// A delivery leaves them as they are: so a message may arrive never, once or again and again, before or
/// after any other. With a bound, the messages of a link are in the order in which they were sent, and
/// what is overtaken by so many others is lost; without, that order would make no difference, and they are
/// in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network {
    flights: Box<[Flight]>,
}

impl Network {
    /// All messages in flight.
    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// The messages as a set of bits.
    pub fn mask(&self) -> Box<[u64]> {
        let end = self.flights.iter().map(|it| it.envelope as usize + 1).max().unwrap_or(0);
        let mut mask = vec![0; end.div_ceil(64)];
        for flight in &self.flights {
            mask[flight.envelope as usize / 64] |= 1 << (flight.envelope % 64);
        }
        mask.into()
    }

    /// The network after some more messages.
    pub fn with(&self, sent: &[Flight], most: Option<u8>) -> Self {
        let mut flights = self.flights.to_vec();
        for &flight in sent {
            let link = |other: &Flight| (other.from, other.to);
            flights.retain(|&other| other != flight);
            let end = match most {
                Some(_) => flights.partition_point(|other| link(other) <= link(&flight)),
                None => flights.partition_point(|other| other < &flight),
            };
            flights.insert(end, flight);
            let begin = flights.partition_point(|other| link(other) < link(&flight));
            if most.is_some_and(|most| end - begin >= usize::from(most)) {
                flights.remove(begin);
            }
        }
        Self { flights: flights.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sent: &[(u8, u8, u32)], most: Option<u8>) -> Vec<u32> {
        let flight = |&(from, to, envelope): &_| Flight { from, to, envelope };
        let sent: Vec<Flight> = sent.iter().map(flight).collect();
        Network::default().with(&sent, most).flights().iter().map(|it| it.envelope).collect()
    }

    #[test]
    fn without_a_bound_the_order_of_sending_is_forgotten() {
        let sent = [(0, 1, 7), (1, 0, 9), (0, 1, 3), (0, 2, 1), (0, 1, 7)];
        assert_eq!(after(&sent, None), [3, 7, 1, 9]);
    }

    #[test]
    fn with_a_bound_each_link_has_its_latest() {
        let sent = [(0, 1, 7), (1, 0, 9), (0, 1, 3), (0, 2, 1), (0, 1, 8)];
        assert_eq!(after(&sent, Some(2)), [3, 8, 1, 9]);
        assert_eq!(after(&sent, Some(1)), [8, 1, 9]);
        assert_eq!(after(&[(0, 1, 7), (0, 1, 3), (0, 1, 7)], Some(2)), [3, 7]);
    }
}
