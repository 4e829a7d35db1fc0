package aggregator

// LoadJob reads a job from the aggregator's part of a store.
var LoadJob = loadJob
