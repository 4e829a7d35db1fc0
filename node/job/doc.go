// Package job is the life of one job: its spec, and the state machine that
// carries it from the wish of a client to verified results and paid providers.
//
// The machine is a pure function, Step(Job, Event) (Job, []Effect, error). It
// has no clock, no randomness and no I/O: time comes in with every event,
// randomness once, as the job's secret. Its caller, the node's job driver,
// writes the returned job in one transaction and only then carries out the
// effects; after a restart it sends Resumed and carries out Job.Pending again.
// Effects are idempotent under their Key. Nothing a stranger sends makes it
// panic: what cannot happen is a *TransitionError and changes nothing.
//
// It refuses to talk to anybody, to open files, to compare results and to move
// money: it says what is to be done and learns what came of it.
//
// A job goes through these states; the states of its shards decide when.
//
//	submitted   -> matching
//	matching    -> dispatched settling failed cancelled expired
//	dispatched  -> running verifying settling failed cancelled expired
//	running     -> verifying settling failed cancelled expired
//	verifying   -> running settling done failed cancelled expired
//	settling    -> done failed cancelled expired
//
// A shard goes through these. Funded follows accepted at once on the credit
// rail, where the reserve made before the offer is the funding. A shard falls
// back when an attempt is lost and another takes its place, leaves adjudication
// when one of those who disagree is caught elsewhere (nobody needs to decide
// then), and loses its verdict when those it rests on are caught.
//
//	queued       -> offered rejected verified
//	offered      -> queued funded running committed verified rejected
//	funded       -> queued offered running committed verified rejected
//	running      -> queued offered funded committed revealed verified paid rejected
//	committed    -> queued offered funded running revealed adjudicating verified paid rejected
//	revealed     -> queued offered funded running adjudicating verified paid rejected
//	adjudicating -> queued offered funded running committed revealed verified paid rejected
//	verified     -> paid queued running revealed rejected
//	paid         -> queued running
//
// And an attempt through these. Ok, bad and lost ones are told so (Settle); only
// ok ones are paid. An ok one whose payment is held back is fetched again when
// its provider is caught.
//
//	offered   -> accepted running committed failed cancelled
//	accepted  -> running committed failed cancelled
//	running   -> committed failed cancelled
//	committed -> revealing failed cancelled
//	revealing -> revealed failed cancelled
//	revealed  -> fetched failed cancelled
//	fetched   -> ok bad failed cancelled
//	ok        -> settled fetched cancelled
//
// # Rules
//
// Money. The price of an attempt is reserved before it is offered, and what is
// spent and reserved together never exceeds the budget. Released is what is
// lost, cancelled or bad. Paid are the attempts of the agreeing group, each
// provider at most once for a shard; never more than verify.replicas of them
// and one for each audit and adjudication. A second copy of a straggler makes no
// difference to that: the first commits complete the round, whoever still runs
// then is stopped and not paid. What is slow is told by what most providers need,
// each counted once. A validator is paid for having shown a result, whatever it
// says of others, unless it is shown to be wrong itself; it is never asked for a
// second copy, which might be for nothing. When a job ends early, a result that was
// delivered and only waits for its audit is owed like one that was not drawn.
//
// Secrecy. Of a quorum no reveal is asked for before the commits of the whole
// round are in, those of providers that took a lost one's place included; in the
// other modes each is asked for when its own commit is in, drawn for an audit or
// not, and who checks it is never shown it. Nothing that a provider is sent before
// its verdict, and no delay, tells whether its result is checked. Attempts have
// numbers on the wire that tell nobody whether they are the first.
//
// Lottery. Over each commit, once it is in and cannot change, it is drawn from
// the job's secret whether it is audited, at a rate that follows from what is
// known of its provider (node/audit). In the modes adaptive and sample a second,
// independent provider then computes the shard too; in replay the result is
// replayed, and a mismatch confirmed by another before anybody is blamed.
//
// Holding back. A result that nobody checked is believed, and its payment held
// until an audit of its provider went well, more than a few are held, or all
// shards are decided. When a provider is caught, every verdict for which too few
// others stand is taken back: others compute the shard again, and what was right
// after all is paid. In the replay mode the held answers are replayed instead.
//
// Canaries. Shards with a known answer lie at drawn places among the others and
// are treated as they are, but are no part of the result. A known answer weighs
// as two results and convicts nobody alone: it might itself be wrong.
//
// Independence. The attempts compared with each other are by different
// operators, share none of the keys that tell who is near whom (subnet, AS), and
// are of one hardware class; where a validator of one's own is does not matter. The
// class is fixed by the first attempt; when all
// of them are lost the shard may begin again in another.
//
// Assignment. Work is dealt by draw from the secret, weighted by free slots,
// among the candidates whose rank is near the best of those that are free; now
// and then among newcomers, who hold little at a time until they were right
// once. Nobody gets more than a fifth of a job, or half as much again as an even
// share where there are few.
//
// Disputes. When results differ, one more is wanted: of a validator of one's own
// where there is one, whose word decides; else of a stranger, and the bigger
// group wins. Where a quorum agrees, a validator of one's own looks at it all the
// same when these have not agreed before, and ever less once it has confirmed
// what the very same ones agree on; and it does some of the audits in the place
// of strangers: a ring that lies together is found by nobody else. Validators that
// are strangers are now and then given, beside what they are asked, a shard whose
// answer is known; where theirs differs from it, anybody decides.
//
// Blame. A provider whose result is outside the agreeing group is excluded from
// the job and its undecided shards are redone elsewhere. Two faults of any other
// kind exclude as well; what one outage broke is one fault. Inconclusive
// comparisons blame nobody, nothing is late while this node's own network is
// down, and silence is the network's fault unless the provider was just heard.
//
// Ends. A shard without a result fails the job: nothing new is offered, shards
// whose commits are all in go on to their verdict, verified ones are paid. The
// job becomes terminal once its payments are certain or were tried a few times:
// the result is put together meanwhile, and the job does not wait for ever for a
// provider that is gone: the rail's journal goes on with what is open. A terminal
// job emits nothing; what is left in its outbox are aborts, verdicts without
// payment and the notice of its end.
package job
