package wire

import (
	"errors"
	"testing"
)

func TestContentNameForms(t *testing.T) {
	t.Parallel()
	good := ContentName{Name: "x", What: WhatModel, CID: testCID, Created: epoch.Unix()}
	for name, ok := range map[string]bool{
		"app": true, "app:latest": true, "team/app:v1.0-rc_2": true, "qwen2.5:7b": true, "A/b/c": true, "a:_x": true, "a..b": true,
		"": false, ":latest": false, "app:": false, "app:a:b": false, "app:a/b": false, "/app": false, "app/": false, "a//b": false,
		"..": false, "a/../b": false, "../a": false, ".hidden": false, "-option": false, "a b": false, "a\\b": false, "é": false,
		"a/\x00": false, "a@sha256": false, long(MaxContentName): true, long(MaxContentName + 1): false,
	} {
		m := good
		m.Name = name
		if err := m.Validate(); (err == nil) != ok {
			t.Errorf("name %.40q: %v", name, err)
		}
	}
}

func TestContentNameRefuses(t *testing.T) {
	t.Parallel()
	good := ContentName{Name: "app:v1", What: WhatImage, Digest: testDigest, CID: testCID, Created: epoch.Unix()}
	if err := good.Validate(); err != nil {
		t.Fatalf("an empty one: %v", err)
	}
	for name, change := range map[string]func(*ContentName){
		"an image without a digest": func(m *ContentName) { m.Digest = "" },
		"a model with a digest":     func(m *ContentName) { m.What = WhatModel },
		"another shelf":             func(m *ContentName) { m.What = "video" },
		"no shelf":                  func(m *ContentName) { m.What = "" },
		"a shelf in the name":       func(m *ContentName) { m.What, m.Name = "", "image/app:v1" },
		"a digest of another kind":  func(m *ContentName) { m.Digest = "sha512:" + testDigest[7:] },
		"a name for a CID":          func(m *ContentName) { m.CID = "app" },
		"no CID":                    func(m *ContentName) { m.CID = "" },
		"more than there is":        func(m *ContentName) { m.Size = maxBytes + 1 },
		"no date":                   func(m *ContentName) { m.Created = 0 },
	} {
		m := good
		change(&m)
		if err := m.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestContentNameAddress holds the d tag to shelf and name: one author's model
// and image of one name must not replace each other.
func TestContentNameAddress(t *testing.T) {
	t.Parallel()
	m := ContentName{Name: "team/app:v1", What: WhatImage, Digest: testDigest, CID: testCID, Size: 5, Created: epoch.Unix()}
	e := sealed(t, m)
	if d, _ := e.Tag("d"); d != "image/team/app:v1" || d != m.Address() {
		t.Errorf("d tag %q", d)
	}
	for name, d := range map[string][]string{
		"no shelf": {"team"}, "empty": {""}, "no name": {"image/"}, "another shelf": {"team/app:v1"},
		"twice the slash": {"image//app"}, "two values": {"image/app", "x"}, "upper-case shelf": {"Image/app"},
	} {
		bad := resigned(t, e, func(e *Event) { setTag(e, "d", d...) })
		if got, err := Decode[ContentName](bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
