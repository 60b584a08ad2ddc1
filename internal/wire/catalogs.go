package wire

// Names of the RPC methods that list what an agent offers (socket contract
// §10.3, §10.4). The first three serve sessions and machines alike.
const (
	MethodListCodexModels    = "listCodexModels"
	MethodListCursorModels   = "listCursorModels"
	MethodListAgyModels      = "listAgyModels"
	MethodListPiModels       = "listPiModels"
	MethodListCopilotModels  = "listCopilotModels"
	MethodListOpencodeModels = "listOpencodeModels"
	MethodListGrokModels     = "listGrokModels"

	MethodListOpencodeEfforts = "listOpencodeReasoningEffortOptions"
	MethodListGrokEfforts     = "listGrokReasoningEffortOptions"

	MethodMachinePiModels       = "listPiModelsForMachine"
	MethodMachineOpencodeModels = "listOpencodeModelsForCwd"
	MethodMachineGrokModels     = "listGrokModelsForCwd"
	MethodMachineCopilotModels  = "listCopilotModelsForCwd"
)
