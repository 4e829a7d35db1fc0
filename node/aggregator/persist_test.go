package aggregator

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"infernet.tech/infernet/node/job"
	"infernet.tech/infernet/p2p/wire"
	"infernet.tech/infernet/payments"
	"infernet.tech/infernet/store"
)

// Every field of a shard counts: one that is forgotten in the comparison is
// never written down again.
func TestSameShardSeesEveryField(t *testing.T) {
	t.Parallel()
	base := job.Shard{Attempts: []job.Attempt{{Class: "x"}}}
	typ := reflect.TypeFor[job.Shard]()
	for i := range typ.NumField() {
		other := base
		v := reflect.ValueOf(&other).Elem().Field(i)
		if !alter(v) {
			t.Fatalf("no way to change a %s, for %s", v.Type(), typ.Field(i).Name)
		}
		if sameShard(&base, &other) {
			t.Errorf("%s is not compared", typ.Field(i).Name)
		}
	}
	if !sameShard(&base, &job.Shard{Attempts: []job.Attempt{{Class: "x"}}}) {
		t.Error("equal attempts elsewhere are taken to differ")
	}
	if !sameShard(&base, &base) {
		t.Error("a shard is not itself")
	}
}

// alter changes a value, one way or another.
func alter(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Struct:
		return alter(v.Field(0))
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(s, v)
		if s.Len() == 0 {
			s = reflect.MakeSlice(v.Type(), 1, 1)
		}
		v.Set(s)
		return alter(s.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		return false
	}
	return true
}

func largeJob(shards int) job.Job {
	j := job.Job{
		ID: wire.RandomID(), Name: "large", State: job.StateRunning,
		Budget: payments.Amount{Value: 9, Unit: payments.Credits}, Created: time.Now().UTC().Round(0),
	}
	for i := range shards {
		j.Shards = append(j.Shards, &job.Shard{
			Index: uint32(i), State: job.ShardQueued, Wanted: 1,
			Input:    job.Input{CID: fmt.Sprintf("cid-%d", i), Units: 5},
			Attempts: []job.Attempt{{State: job.AttemptRunning, Class: "c"}},
		})
	}
	return j
}

// touch is what a step does to one shard: it never writes to what was given.
func touch(j job.Job, i int) job.Job {
	j.Shards = job.CopyShards(j.Shards)
	j.Shards[i].Attempts = append([]job.Attempt(nil), j.Shards[i].Attempts...)
	j.Shards[i].Attempts[0].Class += "x"
	return j
}

// counting counts what is written.
type counting struct {
	store.Store
	sets int
}

type countingTxn struct {
	store.Txn
	c *counting
}

func (c *counting) Update(fn func(store.Txn) error) error {
	return c.Store.Update(func(tx store.Txn) error { return fn(countingTxn{tx, c}) })
}

func (t countingTxn) Set(key, value []byte) error {
	t.c.sets++
	return t.Txn.Set(key, value)
}

func stored(t *testing.T, st store.Store, want job.Job) {
	t.Helper()
	got, err := loadJob(st, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("stored %d shards, want %d, or another job", len(got.Shards), len(want.Shards))
	}
	all, err := loadJobs(st)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d jobs, %v", len(all), err)
	}
}

// A step writes the head and what it changed of the shards.
func TestStepsWriteWhatTheyChange(t *testing.T) {
	t.Parallel()
	st := &counting{Store: store.NewMem()}
	j := largeJob(100)
	var w written
	for i, want := range []int{101, 0, 2, 1} {
		switch i {
		case 2:
			j = touch(j, 42)
		case 3:
			j.State = job.StateVerifying
		}
		st.sets = 0
		changed, err := w.save(st, j)
		if err != nil {
			t.Fatal(err)
		}
		if st.sets != want || changed != (want > 0) {
			t.Errorf("step %d wrote %d values (%v), want %d", i, st.sets, changed, want)
		}
		stored(t, st, j)
	}
}

// A job larger than a transaction is written all the same, and at no moment is
// there half of it: whatever write fails, what is read is the job as it was or
// as it is now.
func TestLargeJobsAreWrittenWhole(t *testing.T) {
	t.Parallel()
	disk, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	j := largeJob(job.MaxShards)
	var w written
	if _, err := w.save(disk, j); err != nil {
		t.Fatal(err)
	}
	stored(t, disk, j)
	next := j
	next.Shards = job.CopyShards(j.Shards)
	for i := range next.Shards {
		next.Shards[i].State = job.ShardRejected
	}
	for fail := range 40 {
		torn := w
		_, err := torn.save(&failing{Store: disk, after: fail}, next)
		if err == nil {
			if fail < 3 {
				t.Fatalf("it took %d writes", fail)
			}
			stored(t, disk, next)
			return
		}
		got, lerr := loadJob(disk, j.ID)
		if lerr != nil {
			t.Fatalf("after %d writes: %v", fail, lerr)
		}
		if !reflect.DeepEqual(got, j) && !reflect.DeepEqual(got, next) {
			t.Fatalf("after %d writes the job is neither", fail)
		}
	}
	t.Error("it never ended")
}

// failing refuses updates after some.
type failing struct {
	store.Store
	after int
}

func (f *failing) Update(fn func(store.Txn) error) error {
	if f.after <= 0 {
		return store.ErrNoSpace
	}
	f.after--
	return f.Store.Update(fn)
}

// Jobs that were stored whole, by earlier versions, are read.
func TestJobsStoredWhole(t *testing.T) {
	t.Parallel()
	st := store.NewMem()
	j := largeJob(3)
	data, err := encodeWhole(j)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Update(func(tx store.Txn) error { return tx.Set(jobKey(j.ID), data) }); err != nil {
		t.Fatal(err)
	}
	stored(t, st, j)
	var w written
	if _, err := w.save(st, touch(j, 1)); err != nil {
		t.Fatal(err)
	}
	stored(t, st, touch(j, 1))
}

func encodeWhole(j job.Job) ([]byte, error) { return json.Marshal(j) }
