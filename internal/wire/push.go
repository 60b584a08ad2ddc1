package wire

// PushSubscription is where a browser wants to be told (http contract §5.14).
type PushSubscription struct {
	Endpoint string   `json:"endpoint"`
	Keys     PushKeys `json:"keys"`
	// DeviceID is the same for all browsers and installed apps of one device, of
	// which the latest is told. Reference clients do not say it.
	DeviceID string `json:"deviceId,omitempty"`
	// Label is how its person knows it, Muted the types of notifications that it
	// does not want. Reference clients say neither.
	Label string   `json:"label,omitempty"`
	Muted []string `json:"muted,omitempty"`
}

// Browser is a PushSubscription as people know it, without its secrets.
type Browser struct {
	ID        string   `json:"id"`
	Endpoint  string   `json:"-"`
	Label     string   `json:"label"`
	DeviceID  string   `json:"deviceId"`
	Muted     []string `json:"muted,omitempty"`
	CreatedAt Millis   `json:"createdAt"`
}

// PushKeys are a browser's keys, by which messages to it are encrypted.
type PushKeys struct {
	P256dh string `json:"p256dh"`
	Auth   string `json:"auth"` // secret
}

// Platforms of a Device.
const (
	PlatformPhone = "phone"
	PlatformWear  = "wear"
	PlatformIOS   = "ios"
)

// Device is a native app that wants to be told.
type Device struct {
	Token    string `json:"token"` // secret
	Platform string `json:"platform"`
	DeviceID string `json:"deviceId"`
	PushKey  string `json:"pushKey,omitempty"` // secret; of iOS: 32 bytes in base64
}
