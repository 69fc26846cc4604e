//! What clients did, and when.

/// One operation of one client: what it asked for, when, and what came of it.
///
/// Times are ticks of any clock that all clients share; only their order counts. An interval is
/// closed: an operation that is called at the tick at which another returns overlaps it.
///
/// ```
/// use tests::linear::Operation;
/// let write = Operation::completed(1, "write 7", 3, 5, "done");
/// let lost = Operation::open(2, "write 8", 4);
/// assert_eq!((write.returned(), write.ret()), (Some(5), Some(&"done")));
/// assert_eq!((lost.returned(), lost.ret()), (None, None::<&&str>));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<O, R> {
    /// Who asked. Only people look at it: a client whose operations overlap is as good as two.
    pub client: u64,
    /// What was asked for.
    pub op: O,
    /// When it was called.
    pub call: u64,
    /// When it returned, not before `call`, and what; `None` if it never did. Such an operation
    /// takes effect at some time after its call, or never.
    pub end: Option<(u64, R)>,
}

impl<O, R> Operation<O, R> {
    /// An operation that was called at `call` and returned `ret` at `returned`.
    ///
    /// # Panics
    /// If it returns before it is called.
    pub fn completed(client: u64, op: O, call: u64, returned: u64, ret: R) -> Self {
        assert!(call <= returned, "called at {call}, an operation returned at {returned}");
        Self { client, op, call, end: Some((returned, ret)) }
    }

    /// An operation that was called at `call` and whose outcome nobody knows.
    pub fn open(client: u64, op: O, call: u64) -> Self {
        Self { client, op, call, end: None }
    }

    /// When it returned.
    pub fn returned(&self) -> Option<u64> {
        self.end.as_ref().map(|(at, _)| *at)
    }

    /// What it returned.
    pub fn ret(&self) -> Option<&R> {
        self.end.as_ref().map(|(_, ret)| ret)
    }

    /// The tick of the return, or one that comes before no call if there was none. (Whether a call
    /// at the last tick of all comes after it is the same for both: no tick is later.)
    pub(super) fn returned_or_never(&self) -> u64 {
        self.returned().unwrap_or(u64::MAX)
    }
}

/// A recorder of what clients do, with a clock of its own that goes on at every call and at every
/// return, so that no two of them are at one tick.
///
/// ```
/// use tests::linear::{History, KvOp};
/// let mut history = History::default();
/// let put = history.call(1, KvOp::put("k", "a"));
/// let get = history.call(2, KvOp::get("k"));
/// history.finish(put, String::new());
/// let times: Vec<_> = history.operations().iter().map(|it| (it.call, it.returned())).collect();
/// assert_eq!(times, [(1, Some(3)), (2, None)]);
/// history.finish(get, "a".to_string());
/// assert_eq!(history.into_operations().len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct History<O, R> {
    clock: u64,
    operations: Vec<Operation<O, R>>,
}

/// Which operation of a [`History`]: the number of calls before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(usize);

impl<O, R> Default for History<O, R> {
    fn default() -> Self {
        Self { clock: 0, operations: Vec::new() }
    }
}

impl<O, R> History<O, R> {
    /// A client calls.
    pub fn call(&mut self, client: u64, op: O) -> OperationId {
        self.clock += 1;
        self.operations.push(Operation::open(client, op, self.clock));
        OperationId(self.operations.len() - 1)
    }

    /// A call returns.
    ///
    /// # Panics
    /// If it has returned before, or was recorded by another history that is longer.
    pub fn finish(&mut self, id: OperationId, ret: R) {
        self.clock += 1;
        let operation = &mut self.operations[id.0];
        assert!(operation.end.is_none(), "the operation at {} returns twice", operation.call);
        operation.end = Some((self.clock, ret));
    }

    /// What was recorded so far, in the order of the calls.
    pub fn operations(&self) -> &[Operation<O, R>] {
        &self.operations
    }

    /// What was recorded, in the order of the calls.
    pub fn into_operations(self) -> Vec<Operation<O, R>> {
        self.operations
    }
}
