package api

import "encoding/json"

// Raw is JSON passed on as it is.
type Raw = json.RawMessage

// EventType names what an Event tells.
type EventType string

// The types of events in a job's stream.
const (
	EventState    EventType = "state"    // the job changed state
	EventShard    EventType = "shard"    // one shard or attempt changed state
	EventProgress EventType = "progress" // Shards and Cost are up to date
	EventNote     EventType = "note"     // something worth a line: a retry, a cheater caught
	EventLog      EventType = "log"      // output of a task
	EventEnd      EventType = "end"      // the last one; Job is the final document
	EventPing     EventType = "ping"     // nothing happened; sent to notice dead connections
)

// Event is one line of a job's event stream (NDJSON).
type Event struct {
	Seq      uint64       `json:"seq,omitempty"` // rises within a job; 0 for logs and pings, which are not kept
	AtMS     int64        `json:"at_ms,omitempty"`
	Type     EventType    `json:"type"`
	State    string       `json:"state,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Shard    *int         `json:"shard,omitempty"`
	Attempt  *int         `json:"attempt,omitempty"`
	Provider string       `json:"provider,omitempty"` // npub
	Text     string       `json:"text,omitempty"`
	Stream   string       `json:"stream,omitempty"` // stdout | stderr
	Data     []byte       `json:"data,omitempty"`   // base64 in JSON: a task's output need not be text
	Shards   *ShardCounts `json:"shards,omitempty"`
	Cost     *Amount      `json:"cost,omitempty"`
	Job      *Job         `json:"job,omitempty"`
}

// EventQuery says which part of a job's stream to send.
type EventQuery struct {
	After  uint64 // only events with a greater Seq; 0 from the beginning
	Follow bool   // go on until the job ends; else stop after what is known
	Logs   bool   // include the output of tasks: what was kept, then live
}
