package main

import "infernet.tech/infernet/node"

// keyPath is where the key of this home is.
func (a *app) keyPath() string { return node.KeyPath(a.home) }
