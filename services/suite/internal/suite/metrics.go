package suite

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// serviceMetrics tells the metrics of one service from the same ones of the others by a label, unless the service has
// put it there itself.
type serviceMetrics struct {
	prometheus.Registerer // of the process

	labelled prometheus.Registerer
}

func newServiceMetrics(process prometheus.Registerer, service string) serviceMetrics {
	return serviceMetrics{process, prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, process)}
}

// Register see [prometheus.Registerer].
func (m serviceMetrics) Register(c prometheus.Collector) error {
	err := m.labelled.Register(c)
	var known prometheus.AlreadyRegisteredError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return m.Registerer.Register(c) // it refuses again whatever is wrong besides a label twice
}

// MustRegister see [prometheus.Registerer].
func (m serviceMetrics) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := m.Register(c); err != nil {
			panic(err)
		}
	}
}
