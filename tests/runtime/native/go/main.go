// A function in Go, built on AWS's own library.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type answer struct {
	Request string `json:"request"`
	Arn     string `json:"arn"`
	Left    bool   `json:"left"`
	Length  int    `json:"length"`
	Pid     int    `json:"pid"`
}

func handle(ctx context.Context, event map[string]any) (answer, error) {
	if _, fails := event["fail"]; fails {
		return answer{}, errors.New("refused")
	}
	if _, panics := event["panic"]; panics {
		panic("lost")
	}
	about, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	text, _ := event["text"].(string)
	return answer{
		about.AwsRequestID, about.InvokedFunctionArn, time.Until(deadline) > 0, len(text), os.Getpid(),
	}, nil
}

func main() {
	lambda.Start(handle)
}
