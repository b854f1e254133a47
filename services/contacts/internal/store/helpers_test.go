package store_test

import (
	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
)

func usd(amount string) money.Money {
	return money.Money{Currency: "USD", Amount: decimal.RequireFromString(amount)}
}
