package wire

// UsageCounts are sums of tokens. InputTokens include what was cached;
// UncachedTokens are the input that was not read from a cache, and the output.
type UsageCounts struct {
	InputTokens         int64 `json:"inputTokens"`
	OutputTokens        int64 `json:"outputTokens"`
	CacheReadTokens     int64 `json:"cacheReadTokens"`
	CacheCreationTokens int64 `json:"cacheCreationTokens"`
	TotalTokens         int64 `json:"totalTokens"`
	UncachedTokens      int64 `json:"uncachedTokens"`
	Requests            int64 `json:"requests"`
}

// UsageBucket is the sum of a day (2006-01-02), an agent or a model.
type UsageBucket struct {
	Key string `json:"key"`
	UsageCounts
}

// UsageTotals is the sum of everything.
type UsageTotals struct {
	UsageCounts
	Sessions int64 `json:"sessions"`
}

// UsageRange is the time that a summary covers; From is null for all of it.
type UsageRange struct {
	From *Millis `json:"from"`
	To   Millis  `json:"to"`
}

// UsageSummary answers GET /api/usage/summary (http contract §5.13).
type UsageSummary struct {
	Range     UsageRange    `json:"range"`
	Totals    UsageTotals   `json:"totals"`
	Daily     []UsageBucket `json:"daily"`
	ByAgent   []UsageBucket `json:"byAgent"`
	ByModel   []UsageBucket `json:"byModel"`
	UpdatedAt Millis        `json:"updatedAt"`
}
