package inbox

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	lag                                   *prometheus.GaugeVec
	parked                                prometheus.Gauge
	applied, parkedTotal, retries, missed prometheus.Counter
}

func (m *metrics) register(reg prometheus.Registerer, consumer string) error {
	labels := prometheus.Labels{"consumer": consumer}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	m.lag = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kontor_inbox_lag", Help: "Messages that are there and not applied.", ConstLabels: labels,
	}, []string{"topic", "partition"})
	m.parked = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kontor_inbox_parked", Help: "Events parked, those queueing behind others included.", ConstLabels: labels,
	})
	m.applied = counter("kontor_inbox_applied_total", "Events applied.")
	m.parkedTotal = counter("kontor_inbox_parked_total", "Events that have been parked.")
	m.retries = counter("kontor_inbox_retries_total", "Transactions tried again.")
	m.missed = counter("kontor_inbox_missed_total", "Events that were gone from the topic before they were applied.")
	if reg == nil {
		return nil
	}
	return errors.Join(reg.Register(m.lag), reg.Register(m.parked), reg.Register(m.applied), reg.Register(m.parkedTotal),
		reg.Register(m.retries), reg.Register(m.missed))
}
