package wire

// AccessToken is a named token as its owner sees it: without the secret.
type AccessToken struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Namespace Namespace `json:"namespace"`
	ReadOnly  bool      `json:"readOnly"`
	CreatedAt Millis    `json:"createdAt"`
	ExpiresAt *Millis   `json:"expiresAt"` // nil: never
}

// NewAccessToken is a token that was just made. Its secret is told once.
type NewAccessToken struct {
	AccessToken
	Secret string `json:"token"`
}
