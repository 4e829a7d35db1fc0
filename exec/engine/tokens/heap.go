package tokens

// heap is a priority queue without the interfaces of container/heap, which
// cost more than the merges themselves.
type heap[T interface{ Before(T) bool }] []T

func (h *heap[T]) push(v T) {
	*h = append(*h, v)
	q := *h
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q[i].Before(q[up]) {
			return
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (h *heap[T]) pop() T {
	q := *h
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	*h = q
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && q[child+1].Before(q[child]) {
			child++
		}
		if !q[child].Before(q[i]) {
			return top
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}
