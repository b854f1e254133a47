package merge

// Groups puts together what pairs connect: the IDs of each group in the order in which they came up, groups in the order of
// their first pair.
type Groups[K comparable] struct {
	index  map[K]int
	ids    []K
	parent []int
}

// Join notes that two are the same.
func (g *Groups[K]) Join(a, b K) {
	x, y := g.root(g.at(a)), g.root(g.at(b))
	g.parent[max(x, y)] = min(x, y)
}

func (g *Groups[K]) at(id K) int {
	if g.index == nil {
		g.index = map[K]int{}
	}
	i, ok := g.index[id]
	if !ok {
		i = len(g.ids)
		g.index[id] = i
		g.ids, g.parent = append(g.ids, id), append(g.parent, i)
	}
	return i
}

func (g *Groups[K]) root(i int) int {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}

// All returns the groups.
func (g *Groups[K]) All() [][]K {
	of := map[int]int{}
	var out [][]K
	for i, id := range g.ids {
		root := g.root(i)
		n, ok := of[root]
		if !ok {
			n = len(out)
			of[root] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], id)
	}
	return out
}
