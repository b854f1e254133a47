package outbox

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	depth, age *prometheus.GaugeVec
	published  prometheus.Counter
}

func (m *metrics) register(reg prometheus.Registerer) error {
	m.depth = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kontor_outbox_depth", Help: "Events that are not published yet.",
	}, []string{"slice"})
	m.age = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kontor_outbox_age_seconds", Help: "Age of the oldest event that is not published yet.",
	}, []string{"slice"})
	m.published = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "kontor_outbox_published_total", Help: "Events published, repetitions included.",
	})
	if reg == nil {
		return nil
	}
	return errors.Join(reg.Register(m.depth), reg.Register(m.age), reg.Register(m.published))
}
