package main

import "path/filepath"

// keyPath is where the key of this home is.
func (a *app) keyPath() string { return filepath.Join(a.home, "key") }
