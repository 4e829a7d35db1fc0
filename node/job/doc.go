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
// back when an attempt is lost and another takes its place, and leaves adjudication
// when one of those who disagree is caught elsewhere: nobody needs to decide then.
//
//	queued       -> offered rejected
//	offered      -> queued funded running committed verified rejected
//	funded       -> queued offered running committed verified rejected
//	running      -> queued offered funded committed verified rejected
//	committed    -> queued offered funded running revealed verified paid rejected
//	revealed     -> queued offered funded running adjudicating verified paid rejected
//	adjudicating -> queued offered funded running committed revealed verified paid rejected
//	verified     -> paid
//
// And an attempt through these. Ok, bad and lost ones are told so (Settle); only
// ok ones are paid.
//
//	offered   -> accepted running committed failed cancelled
//	accepted  -> running committed failed cancelled
//	running   -> committed failed cancelled
//	committed -> revealing failed cancelled
//	revealing -> revealed failed cancelled
//	revealed  -> fetched failed cancelled
//	fetched   -> ok bad failed cancelled
//	ok        -> settled
//
// # Rules
//
// Money. The price of an attempt is reserved before it is offered, and what is
// spent and reserved together never exceeds the budget. Released is what is
// lost, cancelled or bad. Paid are the attempts of the agreeing group, each
// provider at most once for a shard; never more than verify.replicas of them
// and one for each adjudication. A second copy of a straggler makes no
// difference to that: the first commits complete the round, whoever still runs
// then is stopped and not paid.
//
// Secrecy. No reveal is asked for before the commits of the whole round are in,
// those of providers that took a lost one's place included.
//
// Independence. The attempts compared with each other are by different
// operators and of one hardware class. The class is fixed by the first attempt;
// when all of them are lost the shard may begin again in another.
//
// Blame. A provider whose result is outside the agreeing group is excluded from
// the job and its undecided shards are redone elsewhere. Two faults of any other
// kind exclude as well; what one outage broke is one fault. Inconclusive
// comparisons blame nobody.
//
// Ends. A shard without a result fails the job: nothing new is offered, shards
// whose commits are all in go on to their verdict, verified ones are paid. The
// job becomes terminal once its payments are certain or were tried a few times:
// the result is put together meanwhile, and the job does not wait for ever for a
// provider that is gone: the rail's journal goes on with what is open. A terminal
// job emits nothing; what is left in its outbox are aborts, verdicts without
// payment and the notice of its end.
package job
